"""The commands that explain what a client did: requests, coverage."""

import re

import pytest
from driver import Driver

from mock_server.testing import MockWorld


def ask(world: MockWorld, path: str, **headers: str) -> str:
    """The number of a request with this path."""
    answer = world.client.get(f"/api/v1/automation-runs{path}", headers=headers)
    return str(answer.headers["x-mock-request"])


def test_requests_are_listed_newest_first(drive: Driver) -> None:
    """Each on a line: number, world time, method, status, milliseconds, operation, path, and what
    was the matter; filters choose, and a limit says that there are more."""
    assert drive("requests") == "no requests\n"
    run_id = drive.world.create("hang")
    good, bad = ask(drive.world, f"/{run_id}"), ask(drive.world, "?limit=many")
    drive("faults", "add", "status.code=503", "--count", 1)
    broken, lost = ask(drive.world, ""), ask(drive.world, "s")
    time = drive("clock").split()[1][11:23]
    head, *rows = drive("requests").splitlines()
    assert head.split() == ["number", "time", "method", "status", "ms", "operation", "path"]
    runs = "/api/v1/automation-runs"
    assert [re.sub(r"(?<= )\d+\.\d(?= )", "MS", row).split() for row in rows] == [
        [lost, time, "GET", "404", "MS", "none", f"{runs}s"],
        [broken, time, "GET", "503", "MS", "listRuns", runs, "faults:", "status"],
        [bad, time, "GET", "422", "MS", "listRuns", f"{runs}?limit=many", "flaws:", "1"],
        [good, time, "GET", "200", "MS", "getRun", f"{runs}/{run_id}"],
    ]
    (only,) = drive("requests", "--operation", "listRuns", "--status", "4xx").splitlines()[1:]
    assert only.split()[0] == bad
    assert drive("requests", "--limit", 1).splitlines()[1:] == [
        drive("requests").splitlines()[1],
        "1 of 4; --limit shows more",
    ]


def test_requests_that_belong_to_no_world_are_listed_apart(drive: Driver) -> None:
    """And with those of every world."""
    stray = ask(drive.world, "?limit=3", **{"X-API-Key": "no good"})
    own = ask(drive.world, "")
    listed = {
        whose: {
            line.split()[0]
            for line in drive("requests", "--whose", whose, "--limit", 1000).splitlines()
        }
        for whose in ("world", "none", "all")
    }
    assert [own in listed[whose] for whose in listed] == [True, False, True]
    assert [stray in listed[whose] for whose in listed] == [False, True, True]
    assert "none: its apiKey opens no world" in drive("requests", stray)


def test_a_request_is_explained(drive: Driver) -> None:
    """What was matched and for whom, where the contract declares the answer, what the contract
    leaves open there and what is in force, and how much was sent."""
    run_id = drive.world.create("hang")
    answer = drive.world.client.post(f"/api/v1/automation-runs/{run_id}/retry", json={})
    title, *lines = drive("requests", answer.headers["x-mock-request"]).splitlines()
    assert title.endswith(f": POST /api/v1/automation-runs/{run_id}/retry")
    shown = {line[2:11].strip(): line[13:] for line in lines}
    assert shown["operation"] == "retryRun"
    assert shown["tenant"] == f"{drive.world.key}, by apiKey"
    assert shown["answer"] == (
        "409, as the contract declares at "
        "/paths/~1api~1v1~1automation-runs~1{run_id}~1retry/post/responses/409"
    )
    assert shown["reason"] == answer.json()["detail"]
    assert shown["open"].startswith("Q03: What does a retry")
    assert shown["in force"].startswith("conflict: 409")
    assert re.fullmatch(rf"{len(answer.content)} bytes in \d+\.\d ms", shown["sent"])
    assert not shown.keys() & {"flaw", "faults", "near miss"}


def test_what_went_wrong_with_a_request_is_explained(drive: Driver) -> None:
    """Flaws with their place, faults by name, an undeclared status, and what a wrong path may
    have meant."""
    flawed = drive("requests", ask(drive.world, "?limit=many"))
    assert re.search(r"^  flaw +query\.limit: .*integer.* \(int_parsing\)$", flawed, re.MULTILINE)
    drive("faults", "add", "status.code=503", "latency.takes=1ms", "--count", 1)
    broken = drive("requests", ask(drive.world, ""))
    assert re.search(r"^  faults +latency, status$", broken, re.MULTILINE)
    assert "503, which the contract does not declare there" in broken
    lost = drive("requests", ask(drive.world, "s"))
    assert "none: no operation of the contract is there" in lost
    assert re.search(r"^  near miss  GET /api/v1/automation-runs: ", lost, re.MULTILINE)


def test_a_stream_that_goes_on_is_said_to(drive: Driver) -> None:
    """In the list and in its explanation."""
    run_id = drive.world.create("hang")
    path = f"/api/v1/automation-runs/{run_id}/events"
    with drive.world.client.stream("GET", path) as answer:
        pieces = answer.iter_text()
        assert next(pieces)
        assert drive("requests").splitlines()[1].endswith(f"{path}  open")
        shown = drive("requests", answer.headers["x-mock-request"])
        assert re.search(r"^  sent +\d+ bytes so far; it goes on$", shown, re.MULTILINE)


def test_a_path_cannot_play_tricks_on_the_terminal(drive: Driver) -> None:
    """What cannot be printed is written out."""
    number = ask(drive.world, "/%1B%5B31m%0Ax")
    for page in (drive("requests"), drive("requests", number)):
        assert "\x1b" not in page
        assert r"/\x1b[31m\nx" in page


def test_requests_are_cleared(drive: Driver) -> None:
    """Those of the world."""
    number = ask(drive.world, "")
    assert drive("requests", "--clear") == "1 request removed\n"
    assert drive("requests") == "no requests\n"
    assert f"Request {number} is in no journal" in drive.refused("requests", number)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["3", "--clear"], "NUMBER explains one request"),
        (["3", "--status", "404"], "NUMBER explains one request"),
        (["--clear", "--status", "404"], "--whose only"),
        (["--status", "9"], "status"),
        (["--operation", "nope"], "'getRun'"),
        (["--limit", "0"], "--limit"),
        (["--whose", "mine"], "--whose"),
        (["seventeen"], "NUMBER"),
    ],
)
def test_requests_that_cannot_be_shown(drive: Driver, arguments: list[str], part: str) -> None:
    """One line that names what is wrong."""
    assert part in drive.refused("requests", *arguments)


def test_what_a_client_has_met_is_shown(drive: Driver) -> None:
    """How many parts of how many, then part by part what was met and what is missing; it is
    counted afresh on demand."""
    run_id = drive.world.create("hang")
    ask(drive.world, "?limit=3")
    ask(drive.world, f"/{run_id}")
    drive("faults", "add", "status.code=503", "--on", "listRuns", "--count", 1)
    ask(drive.world, "")
    page = drive("coverage")
    report = drive.world.client.get("/_mock/coverage").json()
    assert page.startswith(f"{drive.world.key}: {report['seen']} of {report['of']} parts")
    runs = page.split("\n\n")[1].splitlines()
    assert runs[0] == "listRuns: GET /api/v1/automation-runs, requests: 2"
    assert [line.split() for line in runs[1:]] == [
        ["statuses", "met", "200"],
        ["missing", "401,", "403,", "422,", "429"],
        ["undeclared", "503"],
        ["parameters", "met", "limit"],
        ["missing", "status,", "offset"],
    ]
    assert re.search(r"^  credentials +met +apiKey$", page, re.MULTILINE)
    missing = drive("coverage", "--missing")
    assert not re.search(r"  (met|undeclared)  ", missing)
    assert re.search(r"^  events +missing +run\.created, ", missing, re.MULTILINE)
    assert all(len(line) <= 100 for line in page.splitlines())
    assert "--missing" in drive.refused("coverage", "--clear", "--missing")
    drive("coverage", "--clear")
    assert drive("coverage").startswith(f"{drive.world.key}: 0 of {report['of']} parts")
