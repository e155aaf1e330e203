"""The commands for a world: clock, reset, state, faults."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from driver import Driver, call
from processes import PATIENCE, RUNS_MOCK, Server, environment


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


@pytest.mark.extended
def test_a_failure_is_opened(drive: Driver, tmp_path: Path) -> None:
    """In a running mock or in a new one, with the credential of its world."""
    world, run_id = drive.world, drive.world.create("diamond")
    body, url = json.dumps(world.run(run_id)), f"http://x/api/v1/automation-runs/{run_id}"
    exchange = {"at": 0, "seconds": 0, "method": "GET", "status": 200, "events": []}
    exchange |= {"url": url, "responseBody": body}
    check = {"message": "", "recordingStarted": "", "exchanges": [exchange]}
    found = {"kind": "runs-conformance failure", "format": 1, "checks": [check]}
    found["requirement"] = {"id": "LIFE-02", "statement": ""}
    file = tmp_path / "LIFE-02.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    assert drive("state", "open", file).startswith("test-failure-life-02")
    file.write_text("[]")
    assert "body: " in drive.refused("state", "open", file)
    file.write_text(json.dumps(found), encoding="utf-8")
    with Server([RUNS_MOCK, "serve", "--port", 0, "--open", file], "X-API-Key: test-fail") as mock:
        assert "the world test-failure-life-02 has 1 run" in mock.greeting
    file.write_text("{")
    done = call("serve", "--port", "0", "--open", file, code=2)
    assert "LIFE-02.json:1: JSON decode error" in done.stderr


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


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)); "
    "from mock_server.cli import main; sys.exit(main())"
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file sizes")
def test_an_export_that_cannot_be_completed_keeps_the_good_file(
    drive: Driver, tmp_path: Path
) -> None:
    """As on a full disk: exit code 2, and nothing else is left."""
    drive.world.create("diamond")
    file = tmp_path / "keep.json"
    drive("state", "export", file)
    file.chmod(0o640)
    good = file.read_bytes()
    assert len(good) > 1_000
    drive.world.create("fan-out")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "state", "export", str(file)],
        env=environment(drive.variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"runs-mock: {file} cannot be written: ")
    assert file.read_bytes() == good
    assert list(tmp_path.iterdir()) == [file]
    drive("state", "export", file)
    assert len(file.read_bytes()) > len(good)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and devices")
def test_an_export_follows_links_and_fills_pipes(drive: Driver, tmp_path: Path) -> None:
    """A symbolic link stays one, and a device is written to."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    drive("state", "export", link)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == drive("state", "export", "/dev/stdout")
    assert "cannot be written" in drive.refused("state", "export", tmp_path / "no" / "x.json")
