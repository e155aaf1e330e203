"""The options of ``runs-mock serve`` for what is around the mock."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from driver import call
from ports import free_port
from processes import MockServer

RULES = "summary: Mine\nrules:\n  - rateLimit: {limit: 5}\n"


def test_options_of_the_set_up(tmp_path: Path) -> None:
    """Each reaches the mock, from the command line or from the environment."""
    token, rules = tmp_path / "token", tmp_path / "mine.yml"
    token.write_text("correct-horse\n", encoding="utf-8")
    rules.write_text(RULES, encoding="utf-8")
    options = (
        "--cors-origin", "https://App.test:443,tauri://localhost",
        "--root-path", "/mock/", "--accept-any-token", "demo", "--world-claim", "sub",
        "--faults", rules, "--faults", "expired-token", "--latency", "1ms..2ms",
        "--trusted-proxy", "10.1.2.3/8", "--start", "empty",
    )  # fmt: skip
    variables = {"RUNS_MOCK_CONTROL_TOKEN_FILE": str(token)}
    with MockServer(*map(str, options), **variables) as mock:
        origin = {"Origin": "https://app.test", "X-Mock-Token": "correct-horse"}
        found = httpx2.get(f"{mock.url}/mock/_mock/faults", headers=origin)
        assert found.headers["access-control-allow-origin"] == "https://app.test"
        kinds = [
            set(one["rule"]) & {"rateLimit", "status", "latency"} for one in found.json()["items"]
        ]
        assert kinds == [{"rateLimit"}, {"status"}, {"latency"}]
        answer = httpx2.get(f"{mock.url}/api/v1/automation-runs", headers={"X-API-Key": "any"})
        assert answer.headers["x-ratelimit-limit"] == "5"
        assert httpx2.get(f"{mock.url}/_mock/clock").status_code == 401


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--fallback", "real.test"], "--fallback': expected the address of a backend"),
        (["--fallback", "http://user:pass@real.test"], "expected a URL without credentials"),
        (["--fallback", "http://real.test/?x"], "what comes before /api/v1"),
        (["--fallback", "http://real.test:0"], "expected the address of a backend"),
        (["--fallback-operations", "listRuns"], "--fallback-operations: expected --fallback URL"),
        (["--fallback-runs", "prod-*"], "--fallback-runs: expected --fallback URL, got none"),
        (["--fallback-operations", "list"], "expected listRuns, getRun"),
        (["--fallback-runs", "a/b"], "expected an id of a run"),
        (["--cors-origin", "app.test"], "expected an origin such as https://"),
        (["--cors-origin", "https://app.test/path"], "expected an origin"),
        (["--root-path", "mock"], "expected a path such as /mock"),
        (["--root-path", "/api"], "a path of the mock itself"),
        (["--trusted-proxy", "proxy.test"], "expected an address or a network"),
        (["--accept-any-token", "nowhere"], "--accept-any-token: expected one of demo"),
        (["--faults", "flakey"], "Did you mean 'flaky'?"),
        (["--faults", "nowhere.yml"], "nowhere.yml: "),
        (["--latency", "fast"], "--latency: 'fast'"),
        (["--latency", "2h"], "longer than"),
        (["--control-token-file", "nowhere"], "nowhere cannot be read"),
        (["--control-token", "x", "--control-token-file", "nowhere"], "expected one of them"),
    ],
)
def test_options_that_cannot_be_used(options: list[str], part: str) -> None:
    """One line says what was expected."""
    done = call("serve", "--port", "0", *options, code=2)
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("port", [0, "free"])
def test_localhost_is_two_addresses(port: object) -> None:
    """Browsers and Node take either; both are the same mock, on one port."""
    if port == "free":
        port = free_port()
    with MockServer("--host", "localhost", "--port", str(port)) as mock:
        assert mock.url.startswith("http://localhost:")
        number = urlsplit(mock.url).port
        hosts = ["127.0.0.1", "localhost"]
        if _has_ipv6():
            hosts.append("[::1]")
        for host in hosts:
            assert httpx2.get(f"http://{host}:{number}/_mock/health").status_code == 200
            assert httpx2.get(f"http://{host}:{number}/_mock/clock").status_code == 200


def test_localhost_with_a_port_that_is_taken_on_ipv6() -> None:
    """It is an error: half of the clients would reach another server."""
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        done = call("serve", "--host", "localhost", "--port", port, code=2)
    assert re.search(f"cannot listen on ::1 port {port}", done.stderr)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
