"""Reload applies whatever changed since the last look, and survives whatever a file holds."""

import os
from pathlib import Path
from typing import Any

import pytest

from mock_server.app import Mock
from mock_server.engine import scenario
from mock_server.errors import FileError
from mock_server.reload import Reload
from mock_server.settings import Settings

MINE = "summary: {}\nautomation: {{name: Mine}}\nsteps: [{{key: a}}]\n"


class Watched:
    """A directory of scenarios, and a mock that looks at it."""

    def __init__(self, mock: Mock, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.mine = directory / "mine.yaml"
        self.mine.write_text(MINE.format("First"))
        self.mock = mock
        mock.worlds.scenarios = scenario.read_all(directory)
        self.lines: list[tuple[str, bool]] = []
        self.reload = Reload(self.mock, directory, None, lambda *line: self.lines.append(line))

    def look(self) -> list[tuple[str, bool]]:
        """Look once, and return the reported lines."""
        self.lines.clear()
        self.reload.look()
        return list(self.lines)

    @property
    def summary(self) -> str:
        return self.mock.worlds.scenarios["mine"].summary


@pytest.fixture(scope="module")
def mock() -> Mock:
    return Mock(Settings(start="empty"))


@pytest.fixture
def watched(mock: Mock, tmp_path: Path) -> Watched:
    return Watched(mock, tmp_path / "scenarios")


@pytest.mark.parametrize(
    "text",
    [
        "result: {v: '{{enum}}'}",
        "result: {v: '{{__class__}}'}",
        "takes: " + "9" * 400 + "s",
        "takes: \u0663s",
        "repeat: true",
        "result: " + "{a: " * 80 + "1" + "}" * 80,
        "result: {n: 18446744073709551616}",
        "result: {n: .nan}",
        'name: "\\uD800"',
        "name: !!python/object/apply:os.system [x]",
        "name: !!timestamp never",
        "name: !!binary '###'",
        "name: !!int x",
        "takes: !!float 1e999",
        "? [a]\n    : b",
        "error: {code: x, message: " + "x" * 20_000 + "}",
        "repeat: 2000, result: {v: " + "x" * 9_000 + "}",
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(watched: Watched, text: str) -> None:
    """What was in use stays, and the next change is applied."""
    step = text if text.startswith("?") else "{key: a, " + text + "}"
    watched.mine.write_text(f"summary: Bad\nautomation: {{name: Mine}}\nsteps:\n  - {step}\n")
    [(line, applied)] = watched.look()
    assert str(watched.mine) in line
    assert "\n" not in line
    assert len(line) < 2_000
    assert not applied
    assert watched.summary == "First"
    assert watched.look() == []
    watched.mine.write_text(MINE.format("Second"))
    assert watched.look() == [("scenario mine taken up", True)]


def test_an_unexpected_error_does_not_end_the_watching(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a file raises: the others are applied."""

    def read(path: Path) -> Any:
        raise RuntimeError("unexpected")

    watched.mine.write_text(MINE.format("Second"))
    with monkeypatch.context() as patch:
        patch.setattr(scenario, "read", read)
        [(line, applied)] = watched.look()
    assert "RuntimeError: unexpected; what was in use stays in use" in line
    assert not applied
    watched.mine.write_text(MINE.format("Third"))
    watched.look()
    assert watched.summary == "Third"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "circle", "dangling", "large"])
def test_only_regular_files_are_read(watched: Watched, kind: str) -> None:
    """Reading a pipe would wait for ever; the start of a mock refuses it too."""
    path = watched.directory / "x.yaml"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "circle":
            path.symlink_to(path)
        case "dangling":
            path.symlink_to(watched.directory / "nowhere.yaml")
        case "large":
            with path.open("wb") as file:
                file.truncate(5_000_000)
    [(line, applied)] = watched.look()
    assert str(path) in line
    assert not applied
    watched.mine.write_text(MINE.format("Second"))
    watched.look()
    assert watched.summary == "Second"
    with pytest.raises(FileError, match=r"x\.yaml"):
        scenario.read_all(watched.directory)


def test_the_target_of_a_symbolic_link_is_looked_at(watched: Watched, tmp_path: Path) -> None:
    """Edited in its own place, or swapped for another one."""
    target = tmp_path / "elsewhere.yaml"
    target.write_text(MINE.format("Second"))
    watched.mine.unlink()
    watched.mine.symlink_to(target)
    watched.look()
    assert watched.summary == "Second"
    target.write_text(MINE.format("Edited"))
    watched.look()
    assert watched.summary == "Edited"
    other = tmp_path / "other.yaml"
    other.write_text(MINE.format("Swapped"))
    watched.mine.unlink()
    watched.mine.symlink_to(other)
    watched.look()
    assert watched.summary == "Swapped"


def test_a_symbolic_link_that_leads_nowhere_is_one_line(watched: Watched, tmp_path: Path) -> None:
    """Each time it leads nowhere else; what was in use stays until the link goes, too."""
    target = tmp_path / "target.yaml"
    watched.mine.unlink()
    watched.mine.symlink_to(target)
    line = f"{watched.mine}: expected a file at the end of a symbolic link, found none"
    assert watched.look() == [(f"{line}; what was in use stays in use", False)]
    assert watched.look() == []
    assert watched.summary == "First"
    target.write_text(MINE.format("Second"))
    watched.look()
    assert watched.summary == "Second"
    target.unlink()
    assert watched.look() == [(f"{line}; what was in use stays in use", False)]
    watched.mine.unlink()
    watched.mine.symlink_to(tmp_path / "other.yaml")
    assert watched.look() == [(f"{line}; what was in use stays in use", False)]
    assert watched.summary == "Second"
    watched.mine.unlink()
    assert watched.look() == [("scenario mine is gone", True)]


def test_a_behaviour_at_a_link_that_leads_nowhere_is_one_line(mock: Mock, tmp_path: Path) -> None:
    """It stays as it was."""
    profile, target = tmp_path / "mine.yaml", tmp_path / "target.yaml"
    target.write_text("summary: Mine\n")
    profile.symlink_to(target)
    lines: list[tuple[str, bool]] = []
    reload = Reload(mock, None, profile, lambda *line: lines.append(line))
    target.unlink()
    reload.look()
    line = f"{profile}: expected a file at the end of a symbolic link, found none"
    assert lines == [(f"{line}; what was in use stays in use", False)]


def test_a_directory_that_is_gone_changes_nothing(watched: Watched, tmp_path: Path) -> None:
    """One line says so; when it is there again, its files count."""
    old = watched.directory.rename(tmp_path / "old")
    [(line, applied)] = watched.look()
    assert line == f"{watched.directory} is gone; what was in use stays in use"
    assert not applied
    assert watched.look() == []
    assert watched.summary == "First"
    watched.directory.mkdir()
    assert watched.look() == [("scenario mine is gone", True)]
    (old / "mine.yaml").rename(watched.mine)
    assert watched.look() == [("scenario mine taken up", True)]


def test_a_scenario_may_end_in_yml(watched: Watched) -> None:
    """Renamed, it is the same scenario; two files of one name are an error at the start."""
    other = watched.mine.rename(watched.mine.with_suffix(".yml"))
    assert watched.look() == []
    other.write_text(MINE.format("Second"))
    watched.look()
    assert watched.summary == "Second"
    assert "mine" in scenario.read_all(watched.directory)
    watched.mine.write_text(MINE.format("Third"))
    with pytest.raises(FileError, match="rename one"):
        scenario.read_all(watched.directory)
