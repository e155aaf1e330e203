"""The commands for a world: clock, reset, state, faults."""

import re
from pathlib import Path

from driver import Driver, call


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
    assert "is not a duration" in drive.refused("clock", "advance", "5")


def test_a_world_is_started_afresh(drive: Driver) -> None:
    """With the given options."""
    options = ["--now", "2026-03-02T08:15:00Z", "--seed", 7, "--runs", 2, "--live", 0]
    shown = drive("reset", *options, "--clock", "frozen")
    assert shown == f"{drive.world.key}  2026-03-02T08:15:00.000Z  2 runs  seed 7\n"


def test_a_world_is_written_down_and_taken_up(drive: Driver, tmp_path: Path) -> None:
    """Byte for byte; an invalid file is rejected."""
    run_id = drive.world.create("diamond")
    drive("state", "export", tmp_path / "world.json")
    drive("reset", "--runs", 0, "--live", 0)
    assert "1 runs" in drive("state", "import", tmp_path / "world.json")
    assert drive.world.run(run_id)["status"] == "pending"
    assert drive("state", "export") == (tmp_path / "world.json").read_text(encoding="utf-8")
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json: expected an exported world" in drive.refused(
        "state", "import", tmp_path / "broken.json"
    )


def test_things_go_wrong_on_demand(drive: Driver) -> None:
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
    assert "'latency'" in drive.refused("faults", "add", "lateness")
