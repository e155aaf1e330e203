"""Requests that changed the runs of a start: cancel, retry and decisions, at their time."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mock_server.cli.scenario_directory import scenario_folder, start_files
from mock_server.engine import scenario
from mock_server.errors import FileError
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving
from mock_server.worlds import seed_data

SCENARIOS = scenario.load_available()


def start(folder: Path, *live: dict[str, Any]) -> Path:
    """Write a start with these runs."""
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump({"summary": "Mine", "live": list(live)}))
    return file


def statuses(world: MockWorld) -> list[str]:
    """The status of each run, the newest first."""
    items = world.client.get("/api/v1/automation-runs").json()["items"]
    return [run["status"] for run in items]


def test_runs_are_as_the_requests_left_them(tmp_path: Path) -> None:
    """Also where a request came before the run was ready for it, as with another duration."""
    file = start(
        tmp_path,
        {"scenario": "hang", "since": "6m", "then": [{"after": "5s", "do": "cancel"}]},
        {"scenario": "flaky", "since": "5m", "then": [{"after": "1ms", "do": "retry"}]},
        {"scenario": "approval", "since": "4m", "then": [{"after": "1ms", "do": "approve"}]},
        {"scenario": "approval", "since": "3m",
         "then": [{"after": "9s", "do": "reject", "step": "approve"}]},
        {"scenario": "quick-success", "since": "2m", "then": [
            {"after": "30s", "do": "retry", "mode": "from_step", "step": "index"},
            {"after": "40s", "do": "retry", "mode": "full"}]},
        {"scenario": "quick-success", "since": "1m", "then": [{"after": "50s", "do": "cancel"}]},
    )  # fmt: skip
    settings = Settings(scale=0, start="mine", more_starts=(file,))
    with serving(settings) as url, MockWorld(url, "test-past", scale=0) as world:
        expected = ["completed", "completed", "failed", "completed", "completed", "cancelled"]
        assert statuses(world) == expected


@pytest.mark.parametrize(
    ("then", "problem"),
    [
        ({"after": "2m", "do": "cancel"}, "after: is later than now"),
        ({"after": "1s", "do": "stop"}, "'cancel', 'retry', 'approve' or 'reject'"),
        ({"after": "1s", "do": "cancel", "step": "collect"}, "leave it out"),
        ({"after": "1s", "do": "cancel", "mode": "full"}, "mode is for retry only"),
        ({"after": "1s", "do": "retry", "mode": "from_step"}, "needs a step"),
        ({"after": "1s", "do": "approve", "step": "colect"}, "Did you mean 'collect'?"),
        ({"after": 5, "do": "cancel"}, "is not a duration"),
        ({"do": "cancel"}, "after: is missing"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, then: dict[str, Any], problem: str) -> None:
    """And what was expected."""
    file = start(tmp_path, {"scenario": "quick-success", "since": "1m", "then": [then]})
    with pytest.raises(FileError) as caught:
        seed_data.read(file, SCENARIOS)
    assert problem in str(caught.value)
    assert caught.value.line


class TestFolders:
    """What ``--scenarios`` and ``--start`` name."""

    def test_a_directory_with_folders(self, tmp_path: Path) -> None:
        """As a recording has them; other directories are as they were."""
        assert scenario_folder(tmp_path) == tmp_path
        (tmp_path / "worlds").mkdir()
        (tmp_path / "worlds" / "mine.yaml").write_text("summary: S\n")
        assert start_files(tmp_path, "demo") == ("demo", ())
        (tmp_path / "scenarios").mkdir()
        assert scenario_folder(tmp_path) == tmp_path / "scenarios"
        mine = tmp_path / "worlds" / "mine.yaml"
        assert start_files(tmp_path, "mine") == ("mine", (mine,))

    def test_a_file_is_a_start_by_its_own_name(self, tmp_path: Path) -> None:
        """It wins over one of the directory."""
        for folder in ("scenarios", "worlds"):
            (tmp_path / folder).mkdir()
        (tmp_path / "worlds" / "mine.yaml").write_text("summary: S\n")
        own = tmp_path / "mine.yaml"
        assert start_files(tmp_path, str(own)) == ("mine", (own,))
        assert start_files(None, "demo") == ("demo", ())
