"""The commands that create runs and change them: new, follow, end, decide, arrivals."""

import json
import subprocess
from pathlib import Path

import pytest
from driver import SCENARIO, Driver, steps
from processes import PATIENCE


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
        (["dimond", "--fail", 1], "Did you mean 'diamond'?"),
        (["quick-success", "--fail", 4], "its steps are: 1 collect, 2 index, 3 publish"),
        (["quick-success", "--fail", "indx"], "no step 'indx'"),
        (["quick-success", "--fail", 2, "--hang", "index"], "cannot both be fails and hangs"),
        (["quick-success", "--takes", "2"], "as in 2=30s"),
        (["quick-success", "--takes", "2=soon"], "'soon' is not a duration"),
        (["nowhere.yaml"], "nowhere.yaml: expected a file, found none"),
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
