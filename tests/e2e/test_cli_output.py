"""What the commands print: requests while the mock serves, drawings, and text of others."""

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from driver import SCENARIO, Driver, call
from processes import PATIENCE, RUNS_MOCK, MockServer, environment

RUNS = "/api/v1/automation-runs"


def follow_requests(url: str) -> None:
    """Requests of four kinds."""
    client = httpx2.Client(base_url=url, headers={"X-API-Key": "demo"}, verify=False)
    with closing(client):
        client.get(f"{RUNS}?limit=1&token=hush-hush")
        client.get(f"{RUNS}?limit=x")
        client.get(f"{RUNS}?__fault=status.code=503")
        client.get("/api/v1/automation-run%1B%5B31m%0A::error::x")
        client.get("/_mock/health")


EXPECTED = (
    rf"GET {RUNS}\?limit=1&token=\[redacted\]  200  \d+\.\d ms  demo",
    rf"GET {RUNS}\?limit=x  422  \d+\.\d ms  demo  query\.limit: Input should be a valid integer.*",
    rf"GET {RUNS}\?__fault=status\.code%3D503  503  \d+\.\d ms  demo  .*injected: status",
    r"GET /api/v1/automation-run\\x1b\[31m\\n::error::x  404  \d+\.\d ms  .*did you mean .*",
)


def test_requests_in_a_terminal() -> None:
    """A line for each request to the API, as it ends: method, path, status, time, world, why."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [RUNS_MOCK, "serve", "--port", "0"], stdout=terminal, stderr=terminal, env=environment()
    )
    os.close(terminal)
    try:
        with os.fdopen(master, encoding="utf-8", errors="replace") as screen:
            url = ""
            for shown in screen:
                found = re.search(r"http://127\.0\.0\.1:\d+", shown)
                url = url or (found[0] if found else "")
                if shown.startswith("Ctrl-C"):
                    break
            follow_requests(url)
            lines = [shown.strip() for shown in (next(screen) for _ in range(5)) if shown.strip()]
    finally:
        process.kill()
        process.wait(PATIENCE)
    for line, expected in zip(lines, EXPECTED, strict=False):
        assert re.fullmatch(expected, line), line
    assert len(lines) == 4


@pytest.mark.parametrize(("options", "count"), [((), 0), (("--access-log",), 4)])
def test_requests_elsewhere(options: tuple[str, ...], count: int) -> None:
    """Where stdout is a pipe or a file, only on demand; the last ones come before the end."""
    with MockServer(*options) as mock:
        follow_requests(mock.url)
        mock.interrupt()
        assert mock.wait() == 0
        lines = [line for line in mock.rest().splitlines() if line]
    assert len(lines) == count
    for line, expected in zip(lines, EXPECTED, strict=False):
        assert re.fullmatch(expected, line), line


def test_quiet() -> None:
    """It prints no requests in a terminal either."""
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [RUNS_MOCK, "serve", "--port", "0", "--quiet"],
        stdout=terminal,
        stderr=terminal,
        env=environment(),
    )
    os.close(terminal)
    try:
        with os.fdopen(master, encoding="utf-8", errors="replace") as screen:
            url = ""
            rest: list[str] = []
            for shown in screen:
                found = re.search(r"http://127\.0\.0\.1:\d+", shown)
                url = url or (found[0] if found else "")
                if shown.startswith("Ctrl-C"):
                    break
            follow_requests(url)
            process.terminate()
            process.wait(PATIENCE)
            with suppress(OSError):  # The terminal's other end is closed, and everything was read.
                rest += (line for line in screen if line.strip())
    finally:
        process.kill()
    assert rest == []


@pytest.mark.parametrize("name", ["mine.yaml", "mine.yml"])
def test_a_scenario_of_ones_own_is_drawn(tmp_path: Path, name: str) -> None:
    """By its path; what is wrong in it is named with its line."""
    file = tmp_path / name
    file.write_text(SCENARIO, encoding="utf-8")
    drawn = call("scenarios", file).stdout
    assert drawn.startswith("mine: Two steps\n")
    assert re.search("^sweep +█+$", drawn, re.MULTILINE)
    file.write_text(SCENARIO.replace("takes: 1s", "takes: 1 parsec"), encoding="utf-8")
    assert call("scenarios", file, code=2).stderr.startswith(f"runs-mock: {file}:6: ")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["srve"], "serve"),
        (["request"], "requests"),
        (["scenarios", "flakey"], "flaky"),
    ],
)
def test_the_nearest_name_is_suggested(arguments: list[str], near: str) -> None:
    """For commands and scenarios."""
    assert f"Did you mean '{near}'?" in call(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["faults", "add", "latancy.takes=2s"], "latency"),
        (["faults", "add", "ratelimit"], "rateLimit"),
        (["faults", "preset", "flakey"], "flaky"),
        (["reset", "--start", "demmo"], "demo"),
    ],
)
def test_the_nearest_name_of_a_running_mock_is_suggested(
    drive: Driver, arguments: list[str], near: str
) -> None:
    """For kinds of fault, presets and starts."""
    assert f"Did you mean '{near}'?" in drive.refused(*arguments)


# A server whose texts act on terminals and CI logs.

EVIL = "a\x1b[2J\n::error::b\u202e\x9b\x07"
EVENT = {
    "event": f"step.failed{EVIL}",
    "data": {
        "run": {"createdAt": "2026-03-02T08:15:00Z", "updatedAt": "2026-03-02T08:15:01Z"},
        "step": {"key": EVIL, "error": {"message": EVIL}},
    },
}
BODIES = {
    "/_mock/clock": {"world": EVIL, "now": EVIL, "frozen": False, "scale": 1, "nextDueAt": EVIL},
    "/_mock/faults": {
        "items": [{"id": 1, "rule": {"status": {"detail": EVIL}}, "expiresAt": None, "applied": 0}]
    },
    "/_mock/fault-presets": {"items": [{"name": EVIL, "summary": EVIL}]},
}


class Evil(BaseHTTPRequestHandler):
    """Responds with control characters in every text."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        stream = path.endswith("/events")
        body = f"data: {json.dumps(EVENT)}\n\ndata: no json \x1b[2J\n\n" if stream else ""
        found = BODIES.get(path)
        status = 200 if stream or found else 404
        content = (body or json.dumps(found or {"detail": EVIL})).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def evil() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["follow", "x", "--world", "w"], 0),
        (["clock"], 0),
        (["faults"], 0),
        (["faults", "preset"], 0),
        (["requests", "7"], 2),
    ],
)
def test_control_characters_are_escaped(arguments: list[str], code: int) -> None:
    """Whatever the command and the text: no line is forged, and no terminal obeys."""
    if arguments[0] == "follow":
        BODIES["/_mock/clock"]["world"] = "w"
    with evil() as url:
        done = call(*arguments, "--url", url, code=code)
    shown = done.stdout + done.stderr
    assert "::error::" in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert not re.search("^::", shown, re.MULTILINE)
    assert r"\x1b[2J" in shown
