"""The subcommands of ``runs-mock`` that drive a running mock, as people call them."""

import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import PATIENCE, RUNS_MOCK, environment

from mock_server.cli import cli
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TOKEN = "correct-horse"
SCENARIO = """\
summary: Two steps
automation: {name: Tidy up}
waits: 1s
steps:
  - key: sweep
    takes: 1s
  - key: mop
    dependsOn: [sweep]
    takes: 1s
"""


def call(*arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, which ends with this exit code."""
    done = subprocess.run(
        [RUNS_MOCK, *map(str, arguments)],
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


class Driver:
    """The commands, with the environment saying which mock and which world."""

    def __init__(self, world: MockWorld, server: str) -> None:
        self.world = world
        self.variables = {"RUNS_MOCK_URL": server, "RUNS_MOCK_WORLD": world.key}

    def __call__(self, *arguments: object) -> str:
        """What it prints."""
        return call(*arguments, **self.variables).stdout

    def refused(self, *arguments: object) -> str:
        """The one line that it says when it cannot."""
        done = call(*arguments, code=2, **self.variables)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("runs-mock: ")
        return line.removeprefix("runs-mock: ")


@pytest.fixture
def drive(mock_world: MockWorld, mock_server_url: str) -> Driver:
    return Driver(mock_world, mock_server_url)


def steps(world: MockWorld, run_id: str) -> dict[str, str]:
    """The status of each step."""
    shown = world.client.get(f"/api/v1/automation-runs/{run_id}/steps").json()["steps"]
    return {step["key"]: step["status"] for step in shown}


# Help.


def test_help_says_how_a_run_fails_at_step_two_slowly() -> None:
    """On the first page, as a command that works; every subcommand named there has a page."""
    page = call("--help").stdout
    assert "runs-mock new diamond --fail 2 --takes 2=30s" in page
    for name in cli.list_commands(None):
        assert re.search(rf"^  {name} +\S", page, re.MULTILINE)
        assert cli.get_command(None, name).name == name


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["new", "diamond", "--fail", "2"], UUID),
        (["requests"], "no requests"),
        (["coverage"], r"test-\S+: 0 of \d+ parts of the contract met"),
    ],
)
def test_a_command_that_drives_loads_no_server(
    mock_world: MockWorld, mock_server_url: str, arguments: list[str], first: str
) -> None:
    """Nor the libraries that make words and check files: it has to answer at once."""
    code = """\
import sys
from mock_server.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(*sorted({"connexion", "faker", "flask", "pydantic", "rich", "starlette"} & set(sys.modules)))
"""
    variables = {"RUNS_MOCK_URL": mock_server_url, "RUNS_MOCK_WORLD": mock_world.key}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    printed = done.stdout.splitlines()
    assert re.fullmatch(first, printed[0])
    assert printed[-1] == ""


# Runs.


def test_a_new_run_says_its_id_and_how_to_read_it(drive: Driver) -> None:
    """The id on a line of its own, and a curl that works."""
    run_id, command = drive("new", "quick-success").splitlines()
    done = subprocess.run(
        ["bash", "-c", command.replace("curl", "curl --silent --fail")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert json.loads(done.stdout)["id"] == run_id


def test_a_run_fails_at_step_two_slowly(drive: Driver) -> None:
    """The promise of the help."""
    run_id = drive("new", "diamond", "--fail", 2, "--takes", "2=30s", "--quiet").strip()
    drive("clock", "advance", "30s")
    assert drive.world.run(run_id)["status"] == "running"
    drive("clock", "advance", "1m")
    assert drive.world.run(run_id)["status"] == "failed"
    assert list(steps(drive.world, run_id).values())[1] == "failed"


def test_a_step_is_named_by_key_too(drive: Driver) -> None:
    """And can hang, or ask for a decision, which is then given."""
    run_id = drive("new", "quick-success", "--hang", "publish", "--ask", "index", "-q").strip()
    drive("clock", "advance", "1h")
    assert steps(drive.world, run_id)["index"] == "awaiting_approval"
    drive("decide", run_id, "yes")
    drive("clock", "advance", "1h")
    assert steps(drive.world, run_id)["publish"] == "running"
    assert drive("end", run_id, "failed", "--step", "publish").strip() == f"{run_id}  failed"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["dimond"], "diamond"),
        (["dimond", "--fail", 1], "there is no scenario 'dimond'"),
        (["quick-success", "--fail", 4], "its steps are: 1 collect, 2 index, 3 publish"),
        (["quick-success", "--fail", "indx"], "no step 'indx'"),
        (["quick-success", "--fail", 2, "--hang", "index"], "cannot both be fails and hangs"),
        (["quick-success", "--takes", "2"], "as in 2=30s"),
        (["quick-success", "--takes", "2=soon"], "'soon' is no duration"),
        (["nowhere.yaml"], "there is no file nowhere.yaml"),
    ],
)
def test_a_run_that_cannot_be_made(drive: Driver, arguments: list[object], part: str) -> None:
    """One line says what is wrong and what there is; nothing is made."""
    assert part in drive.refused("new", *arguments)
    assert drive.world.client.get("/api/v1/automation-runs").json()["total"] == 0


def test_a_run_of_a_file_of_ones_own(drive: Driver, tmp_path: Path) -> None:
    """Changed, where that is asked for."""
    file = tmp_path / "tidy-up.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    run_id = drive("new", file, "--fail", "2", "-q").strip()
    drive("clock", "advance", "1m")
    assert steps(drive.world, run_id) == {"sweep": "completed", "mop": "failed"}


@pytest.mark.parametrize(
    ("good", "bad", "line"), [("takes: 1s", "takes: soon", 6), ("[sweep]", "[sweep", 9)]
)
def test_a_file_that_is_wrong(
    drive: Driver, tmp_path: Path, good: str, bad: str, line: int
) -> None:
    """The line says where."""
    file = tmp_path / "tidy-up.yaml"
    file.write_text(SCENARIO.replace(good, bad, 1), encoding="utf-8")
    assert drive.refused("new", file).startswith(f"{file}:{line}: ")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty"),
        ("null", "is empty"),
        ("diamond", "holds no mapping but 'diamond'"),
        ("- a", "holds no mapping"),
        ("summary: .nan", "summary"),
        ("2026-03-02: x", "e.yaml:1: "),
    ],
)
def test_a_file_that_holds_no_scenario(drive: Driver, tmp_path: Path, text: str, part: str) -> None:
    """It is named, with what it holds instead; no other run is made in its place."""
    file = tmp_path / "e.yaml"
    file.write_text(text, encoding="utf-8")
    line = drive.refused("new", file)
    assert str(file) in line
    assert part in line
    assert drive.world.client.get("/api/v1/automation-runs").json()["total"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["arrivals", "nan"],
        ["arrivals", "1e400"],
        ["faults", "add", "drop", "--probability", "nan"],
        ["faults", "add", "latency.sigma=.nan"],
        ["clock", "scale", "nan"],
        ["reset", "--clock", "0.0001"],
    ],
)
def test_a_number_that_is_none(drive: Driver, arguments: list[str]) -> None:
    """One line says which."""
    assert arguments[-1].removeprefix("latency.sigma=") in drive.refused(*arguments)


def test_a_run_is_followed(drive: Driver) -> None:
    """What was, and what comes, in the world's seconds, until it ends."""
    drive("clock", "resume")
    drive("clock", "scale", "10000")
    run_id, *lines = drive("new", "quick-success", "--fail", 2, "--follow").splitlines()
    assert [line.split()[1] for line in lines] == [
        "run.created",
        "run.started",
        "step.started",
        "step.completed",
        "step.started",
        "step.failed",
        "step.skipped",
        "run.failed",
    ]
    assert [float(line.split()[0]) for line in lines] == [0, 1, 1, 2, 2, 3, 3, 3]
    assert lines[5].split()[2] == "index"
    assert drive("follow", run_id).splitlines() == lines


def test_runs_arrive_by_themselves(drive: Driver) -> None:
    """So many a minute of the world's time, until that is ended."""
    assert drive("arrivals").startswith("0 a minute")
    assert drive("arrivals", 60).startswith("60 a minute")
    drive("clock", "advance", "1m")
    total = drive.world.client.get("/api/v1/automation-runs").json()["total"]
    assert 20 < total < 120
    assert drive("arrivals", "off").startswith("0 a minute")
    assert "off" in drive.refused("arrivals", "many")


# Time.


def test_time_is_taken_in_hand(drive: Driver) -> None:
    """Each command says what time it is then."""
    assert re.fullmatch(rf"{drive.world.key}  \S+Z  frozen  next: nothing is due\n", drive("clock"))
    assert "  real time  " in drive("clock", "resume")
    assert "  60 times real  " in drive("clock", "scale", "60")
    assert "  frozen  " in drive("clock", "freeze")
    assert "  frozen  " in drive("clock", "show")


def test_time_goes_to_the_next_event_or_until_a_status(drive: Driver) -> None:
    """And it is said, with exit code 1, when that is not reached."""
    run_id = drive.world.create("quick-success")
    drive("clock", "advance", "--next")
    assert drive.world.run(run_id)["status"] == "running"
    drive("clock", "advance", "--until", run_id, "completed")
    assert drive.world.run(run_id)["status"] == "completed"
    for goal in (["--next"], ["1h", "--until", run_id, "failed"]):
        done = call("clock", "advance", *goal, code=1, **drive.variables)
        assert "until then" in done.stderr
    assert "5m" in drive.refused("clock", "advance")
    assert "is no duration" in drive.refused("clock", "advance", "5")


# Worlds.


def test_a_world_is_started_afresh(drive: Driver) -> None:
    """As it is told."""
    told = ["--now", "2026-03-02T08:15:00Z", "--seed", 7, "--runs", 2, "--live", 0]
    shown = drive("reset", *told, "--clock", "frozen")
    assert shown == f"{drive.world.key}  2026-03-02T08:15:00.000Z  2 runs  seed 7\n"


def test_a_world_is_written_down_and_taken_up(drive: Driver, tmp_path: Path) -> None:
    """Byte for byte; what is no world is refused."""
    run_id = drive.world.create("diamond")
    drive("state", "export", tmp_path / "world.json")
    drive("reset", "--runs", 0, "--live", 0)
    assert "1 runs" in drive("state", "import", tmp_path / "world.json")
    assert drive.world.run(run_id)["status"] == "pending"
    assert drive("state", "export") == (tmp_path / "world.json").read_text(encoding="utf-8")
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json is no exported world" in drive.refused(
        "state", "import", tmp_path / "broken.json"
    )


# Faults.


def test_things_go_wrong_as_told(drive: Driver) -> None:
    """By rule and by preset, listed with how often they did, and cleared."""
    run_id = drive.world.create("hang")
    added = drive(
        "faults",
        "add",
        "status.code=503",
        "status.detail=strike",
        "--on",
        "getRun",
        "--count",
        2,
    )
    assert added.startswith("  1  status code=503 detail=strike, operations getRun, ")
    assert "count 2" in added
    answer = drive.world.client.get(f"/api/v1/automation-runs/{run_id}")
    assert (answer.status_code, answer.json()["detail"]) == (503, "strike")
    assert "applied 1 times" in drive("faults")
    presets = [line.split()[0] for line in drive("faults", "preset").splitlines()]
    assert {"slow", "flaky", "overloaded", "dying-stream"} <= set(presets)
    assert "latency" in drive("faults", "preset", "slow")
    drive("faults", "clear", 1)
    assert "503" not in drive("faults", "list")
    drive("faults", "clear")
    assert drive("faults") == "nothing goes wrong\n"
    assert "latency.takes=2s" in drive.refused("faults", "add", "latency=2s")
    assert "body" in drive.refused("faults", "add", "lateness")


# What was asked, and why it was answered so.


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
        for whose in ("world", "nobody", "all")
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
    told = {line[2:11].strip(): line[13:] for line in lines}
    assert told["operation"] == "retryRun"
    assert told["tenant"] == f"{drive.world.key}, by apiKey"
    assert told["answer"] == (
        "409, as the contract declares at "
        "/paths/~1api~1v1~1automation-runs~1{run_id}~1retry/post/responses/409"
    )
    assert told["reason"] == answer.json()["detail"]
    assert told["open"].startswith("Q03: What does a retry")
    assert told["in force"].startswith("conflict: 409")
    assert re.fullmatch(rf"{len(answer.content)} bytes in \d+\.\d ms", told["sent"])
    assert not told.keys() & {"flaw", "faults", "near miss"}


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


def test_requests_are_forgotten(drive: Driver) -> None:
    """Those of the world."""
    number = ask(drive.world, "")
    assert drive("requests", "--clear") == "1 request forgotten\n"
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
    counted afresh when told."""
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


# Which mock.


def test_no_mock_is_there() -> None:
    """One line with the remedy."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as closed:
        port = closed.server_address[1]
    done = call("clock", "--url", f"http://127.0.0.1:{port}", code=2)
    assert re.fullmatch(r"runs-mock: no mock answers at \S+: start one with .*\n", done.stderr)


@pytest.fixture
def something_else() -> Iterator[str]:
    """The address of a web server that is no mock."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_something_else_is_there(something_else: str) -> None:
    """It is not taken for a mock."""
    done = call("clock", code=2, RUNS_MOCK_URL=something_else)
    assert "is no runs-mock" in done.stderr


def test_an_address_that_is_none() -> None:
    """The line says how one is written."""
    assert "http://127.0.0.1:8080" in call("clock", "--url", "localhost:8080", code=2).stderr
    assert "no address of a mock" in call("clock", "--url", "http://[::1", code=2).stderr


def test_what_is_of_no_world_is_listed_whatever_the_world(drive: Driver) -> None:
    """Scenarios and presets are the mock's."""
    assert "flaky" in drive("faults", "preset", "--world", drive.world.key)


def test_an_option_wins_over_the_environment(drive: Driver) -> None:
    """What a group is told holds for its subcommands."""
    other = f"{drive.world.key}-b"
    assert drive("clock", "--world", other).startswith(f"{other}  ")
    assert drive("clock", "--world", other, "show").startswith(f"{other}  ")
    assert "no world 'nobody'" in drive.refused("clock", "--world", "nobody")


def test_the_token_is_asked_for_and_sent() -> None:
    """By option or environment."""
    with serving(Settings(start="empty", access=Access(token=TOKEN))) as url:
        assert "asks for its token" in call("clock", "--url", url, code=2).stderr
        wrong = call("clock", "--url", url, "--token", "wrong", code=2).stderr
        assert "does not take this token" in wrong
        assert call("clock", "--url", url, "--token", TOKEN).stdout.startswith("demo  ")
        variables = {"RUNS_MOCK_URL": url, "RUNS_MOCK_CONTROL_TOKEN": TOKEN}
        assert call("clock", **variables).stdout.startswith("demo  ")


@pytest.mark.parametrize(
    ("option", "value", "part"),
    [
        ("--control-token", "", "one word"),
        ("--control-token", "two words", "one word"),
        ("--allow-host", "http://mock", "no host name"),
        ("--most-worlds", "0", "most-worlds"),
    ],
)
def test_who_may_drive_is_said_well_or_not_at_all(option: str, value: str, part: str) -> None:
    """A token that protects nothing, or a name that never matches, starts no mock."""
    done = call("serve", "--port", 0, option, value, code=2)
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1
