"""A failed requirement is a file that shows its traffic and no secret, and that can be sent again:
the replay says whether it still fails."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from command_line import call_kit
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, replaced, serving

from conformance.client.pacing import Pacer, Time
from conformance.resources import failure_schema_file

SECRET = "test-failures-with-a-long-secret"
IDS = ("CANCEL-01", "EVENTS-04", "GET-02")


@dataclass
class Service:
    """A service that can be repaired, and the requests that it got."""

    address: str = ""
    broken: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)

    async def mutate(self, request: Request, forward: Forward, memory: Json) -> Response:
        """While it is broken a cancel returns another run, with the credential, and the end of a
        stream comes twice."""
        self.requests.append((request.method, request.path))
        reply = await forward(request)
        if self.broken and request.operation == "cancel":
            run = {"id": "another", "error": f"rejected {request.headers['authorization']}"}
            return reply.put(reply.json() | run)
        if self.broken and reply.frames is not None:
            reply.frames = replaced(
                reply.frames, lambda f: [f, f] if b"run.completed" in f else [f]
            )
        return reply


@pytest.fixture(scope="module")
def service(mock: str) -> Iterator[Service]:
    """A service before the mock."""
    found = Service()
    with serving(Proxy(mock, [Mutant("failing", (), found.mutate)])) as address:
        found.address = f"{address}/failing"
        yield found


TEXT = {"type": "string"}
NUMBER = {"type": "number", "minimum": -1}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00$"}


def object_of(**properties: Json) -> Json:
    """The schema of an object with all of these properties and no others but its own."""
    return {
        "type": "object",
        "properties": properties | {"comment": TEXT},
        "required": list(properties),
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }


def list_of(**properties: Json) -> Json:
    """The schema of a list of such objects."""
    return {"type": "array", "items": object_of(**properties)}


PAIRS = list_of(name=TEXT, value=TEXT)
MESSAGE = {"httpVersion": TEXT, "cookies": PAIRS, "headers": PAIRS}
MESSAGE |= {"headersSize": NUMBER, "bodySize": NUMBER}
POST = object_of(mimeType=TEXT, params=PAIRS, text=TEXT)
REQUEST = object_of(method=TEXT, url={"format": "uri"}, queryString=PAIRS, **MESSAGE)
REQUEST["properties"]["postData"] = POST
RESPONSE = object_of(
    status=NUMBER,
    statusText=TEXT,
    content=object_of(size=NUMBER, mimeType=TEXT, text=TEXT),
    redirectURL=TEXT,
    **MESSAGE,
)
HAR = object_of(
    log=object_of(
        version={"const": "1.2"},
        creator=object_of(name=TEXT, version=TEXT),
        pages=list_of(startedDateTime=TIME, id=TEXT, title=TEXT, pageTimings={"type": "object"}),
        entries=list_of(
            pageref=TEXT,
            startedDateTime=TIME,
            time=NUMBER,
            request=REQUEST,
            response=RESPONSE,
            cache={"type": "object"},
            timings=object_of(send=NUMBER, wait=NUMBER, receive=NUMBER),
        ),
    )
)


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run while the service was broken."""
    folder = tmp_path_factory.mktemp("failing") / "new"
    words = [word for each in IDS for word in ("--include", each)]
    target = ("--base-url", service.address, "--token", SECRET)
    files = ("--har", str(folder.parent / "failures.har"), "--html", str(folder.parent / "x.html"))
    given = (*target, *words, *files, "--failures", str(folder))
    result = call_kit("run", *given, environment={})
    assert result.returncode == 1, result.stdout
    assert f"2 failures in {folder}" in result.stdout
    return folder


def load(folder: Path, requirement: str) -> Json:
    """The file of a requirement."""
    data: Json = json.loads((folder / f"{requirement}.json").read_text(encoding="utf-8"))
    return data


def replay(*words: str) -> tuple[int, str]:
    """Replay with nothing in the environment; the exit code and the output."""
    result = call_kit("replay", *words, environment={})
    return result.returncode, result.stdout


def test_each_failed_requirement_has_a_file(folder: Path) -> None:
    """Which fits the schema; what passed has none."""
    schema = json.loads(failure_schema_file().read_text(encoding="utf-8"))
    assert sorted(file.name for file in folder.iterdir()) == ["CANCEL-01.json", "EVENTS-04.json"]
    for name in ("CANCEL-01", "EVENTS-04"):
        jsonschema_rs.validate(schema, load(folder, name))


def test_a_file_shows_no_credential(folder: Path) -> None:
    """Neither that of the request nor the one that the service returned."""
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir()]
    assert not any(SECRET in text for text in texts)
    assert "rejected Bearer [redacted]" in texts[0] + texts[1]


def test_a_file_has_what_was_sent_and_expected(folder: Path) -> None:
    """The exchange that shows it, the run it was sent for, and times that grow."""
    data = load(folder, "CANCEL-01")
    (check,) = data["checks"]
    shown = {each["number"]: each for each in check["exchanges"]}[check["failingExchange"]]
    (run,) = check["runs"]
    assert (shown["method"], shown["status"]) == ("POST", 200)
    assert shown["url"].endswith(f"{run['id']}/cancel")
    assert run["state"] == "pending"
    assert data["requirement"]["statement"] == check["expected"]["statement"]
    times = [each["at"] for each in check["exchanges"]]
    assert all(before <= after for before, after in pairwise(times))


def test_a_file_has_the_events_of_a_stream(folder: Path) -> None:
    """With their times, also where the stream was listened to for several checks."""
    check = load(folder, "EVENTS-04")["checks"][0]
    streams = [each["events"] for each in check["exchanges"] if each["events"]]
    assert streams
    *_, before, last = max(streams, key=len)
    assert json.loads(before["data"])["event"] == json.loads(last["data"])["event"]
    assert "completed" in json.loads(last["data"])["event"]
    assert 0 < before["at"] <= last["at"]


def test_the_archive_is_valid(folder: Path) -> None:
    """HAR 1.2, with every exchange of the failures and no credential."""
    text = (folder.parent / "failures.har").read_text(encoding="utf-8")
    assert SECRET not in text
    archive = json.loads(text)
    jsonschema_rs.Draft202012Validator(HAR, validate_formats=True).validate(archive)
    log = archive["log"]
    pages = {page["id"]: page["title"] for page in log["pages"]}
    assert {title.split()[0] for title in pages.values()} == {"CANCEL-01", "EVENTS-04"}
    assert {entry["pageref"] for entry in log["entries"]} == set(pages)
    cancels = (e for e in log["entries"] if e["request"]["url"].endswith("/cancel"))
    cancel = next(e for e in cancels if e["comment"].startswith("shows the failure: "))
    assert (cancel["request"]["method"], cancel["response"]["statusText"]) == ("POST", "OK")
    assert any(entry.get("_events") for entry in log["entries"])


def test_the_page_draws_the_exchanges(folder: Path) -> None:
    """One row for each request, with the failing one marked and the events of a stream."""
    page = (folder.parent / "x.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<div class="picture exchanges">(.*?)</svg>', page, re.DOTALL)
    assert len(pictures) >= 2
    for picture in pictures:
        svg = ElementTree.fromstring(picture[picture.index("<svg") :] + "</svg>")
        rows = re.findall(r"<div title=", picture)
        bars = svg.findall("rect")
        assert len(rows) == len({bar.get("y") for bar in bars})
        assert all(0 <= float(str(bar.get("x")).rstrip("%")) <= 100 for bar in bars)
    assert sum("bar ok shows" in picture for picture in pictures) >= 2
    assert any("<circle" in picture for picture in pictures)


def test_a_failure_is_sent_again(folder: Path, service: Service) -> None:
    """It fails until the service is repaired, and the same requests were sent for new runs."""
    file = str(folder / "CANCEL-01.json")
    service.requests.clear()
    code, text = replay(file, "--token", SECRET)
    assert (code, text.splitlines()[-1]) == (1, "still fails"), text
    assert "2 of 2 recorded requests were sent again." in text
    (run,) = load(folder, "CANCEL-01")["checks"][0]["runs"]
    assert not any(run["id"] in path for _, path in service.requests)
    service.broken = False
    try:
        code, text = replay(file, "--token", SECRET, "--timing", "recorded")
    finally:
        service.broken = True
    assert (code, text.splitlines()[-1]) == (0, "no longer fails"), text


def test_a_recorded_url_that_cannot_be_parsed_is_replaced(folder: Path, tmp_path: Path) -> None:
    """By the given one."""
    text = (folder / "CANCEL-01.json").read_text(encoding="utf-8")
    base = json.loads(text)["baseUrl"]
    file = tmp_path / "odd.json"
    file.write_text(text.replace(base, "http://[:::::]:80"), encoding="utf-8")
    code, shown = replay(str(file), "--token", SECRET, "--base-url", base)
    assert (code, shown.splitlines()[-1]) == (1, "still fails"), shown
    assert "2 of 2 recorded requests were sent again." in shown


def test_what_cannot_be_judged_has_no_verdict(folder: Path, service: Service) -> None:
    """No service, no credential, no run that may be changed."""
    file = str(folder / "CANCEL-01.json")
    code, text = replay(file, "--token", SECRET, "--base-url", "http://127.0.0.1:1")
    assert (code, "not reachable" in text) == (2, True)
    code, text = replay(file)
    assert (code, "No credential is given" in text) == (2, True)
    code, text = replay(file, "--token", SECRET, "--read-only")
    assert (code, text.splitlines()[-1]) == (2, "cannot be judged")


def test_a_file_does_not_decide_who_gets_the_credential(folder: Path, tmp_path: Path) -> None:
    """A recorded URL elsewhere is only used if it is given again."""
    for url in ("https://api.example.com", "http://127.0.0.1.example.com", "http://[", "http://"):
        file = tmp_path / "other.json"
        file.write_text(json.dumps(load(folder, "CANCEL-01") | {"baseUrl": url}))
        code, text = replay(str(file), "--token", SECRET)
        assert (code, "--base-url" in text, SECRET in text) == (2, True, False)


def at(*place: Any, value: Any) -> Callable[[Json], None]:
    """A change of the value at a place."""

    def change(data: Any) -> None:
        for key in place[:-1]:
            data = data[key]
        data[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (at("kind", value="report"), "expected a file of kind"),
        (at("format", value=9), "expected format 1, got 9"),
        (at("requirement", "id", value="../../etc"), ":19: /requirement/id: "),
        (at("requirement", "id", value="NONE-01"), "expected a requirement of this kit"),
        (at("catalogue", value="9.9"), "9.9"),
        (at("checks", value=[]), "/checks: "),
        (at("checks", 0, "exchanges", 0, "at", value=-1), "/checks/0/exchanges/0/at: "),
        (at("checks", 0, "runs", 0, "state", value="\x1b[31m"), "\\u001b[31m"),
        (at("fuzz", "seed", value="x"), "/fuzz/seed: "),
    ],
)
def test_a_broken_file_is_an_error(
    folder: Path, tmp_path: Path, change: Callable[[Json], None], message: str
) -> None:
    """Which names the file, the place and the value."""
    data = load(folder, "CANCEL-01")
    change(data)
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")
    code, text = replay(str(file), "--token", SECRET)
    assert (code, message in text, str(file) in text or "9.9" in text) == (2, True, True), text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: expected JSON"),
        (b"{\n[}", ":2: expected JSON"),
        (b"[1]", "expected a file of kind"),
        (b"\xff", "expected UTF-8"),
        (b"[" * 100_000, "expected JSON"),
    ],
)
def test_another_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    """Whatever its bytes are."""
    file = tmp_path / "x.json"
    file.write_bytes(content)
    code, text = replay(str(file), "--token", SECRET)
    assert (code, message in text, len(text.splitlines())) == (2, True, 2), text
    assert replay(str(tmp_path))[0] == 2
    assert "No such file" in replay(str(tmp_path / "missing"))[1]


def test_a_check_that_is_gone_cannot_be_judged(folder: Path, tmp_path: Path) -> None:
    """The kit may be of another version."""
    data = load(folder, "CANCEL-01")
    data["checks"][0]["name"] = "check_that_was_removed"
    file = tmp_path / "gone.json"
    file.write_text(json.dumps(data))
    code, text = replay(str(file), "--token", SECRET)
    assert (code, "no such check" in text) == (2, True), text


def test_the_directory_must_be_one_that_can_be_written(tmp_path: Path) -> None:
    """It is known before the run."""
    file = tmp_path / "file"
    file.touch()
    words = ("--base-url", "http://127.0.0.1:1", "--token", "x", "--failures", str(file / "new"))
    result = call_kit("run", *words, environment={})
    assert result.returncode == 2
    assert "expected a directory that can be written" in result.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_not_a_verdict(folder: Path) -> None:
    """Exit code 1 would mean that it still fails."""
    command = [sys.executable, "-m", "conformance", "replay", str(folder / "CANCEL-01.json")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env={}, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "stdout: cannot write: No space left on device.\n"


def test_recorded_gaps_are_kept() -> None:
    """No request is sent sooner after the one before; later ones are not held back."""
    now, slept = 100.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    pacer = Pacer(clock=Time(lambda: now, sleep))
    pacer.keep_gaps([0.0, 2.0, 1.0])
    pacer.wait()
    now += 0.5
    pacer.wait()
    now += 3
    pacer.wait()
    pacer.wait()
    assert slept == [1.5]
