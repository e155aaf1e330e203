"""A newer release that breaks a check is named; see tools/latest.py. Nothing is installed here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools import latest

MOVED = {"flask": "4.0", "rich": "16.0", "starlette": "2.0"}
CHECK = latest.Check("tests", (*latest.PYTEST, "-k", "retry"))


class Machine:
    """Stands for the environment: what is installed in it, and what was run."""

    def __init__(self, breaks: Callable[[set[str]], bool]) -> None:
        self.breaks = breaks
        self.newest: set[str] = set()
        self.commands: list[Sequence[str]] = []

    def install_locked(self) -> None:
        """Go back to the locked releases."""
        self.newest = set()

    def uv(self, *words: str) -> str:
        """Install one newest release."""
        if words[1].startswith("flask"):
            raise subprocess.CalledProcessError(1, "uv")
        self.newest.add(words[1])
        return ""

    def run(self, command: Sequence[str]) -> bool:
        """Run a check."""
        self.commands.append(command)
        return not self.breaks(self.newest)


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [
        (lambda newest: "rich==16.0" in newest, "tests: broken by rich 15.0.0 -> 16.0."),
        (lambda newest: True, "tests: fail with the locked releases as well."),
        (lambda newest: False, "tests: broken by a combination of newer releases, by none alone."),
    ],
)
def test_the_release_at_fault_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    breaks: Callable[[set[str]], bool],
    sentence: str,
) -> None:
    """One library at a time is replaced; only what failed is repeated; a release that cannot be
    installed alone is left out."""
    cache = tmp_path / "pytest" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(json.dumps({"tests/test_a.py::test_b": True}), "utf-8")
    machine = Machine(breaks)
    monkeypatch.setattr(latest, "HOME", tmp_path)
    monkeypatch.setattr(latest, "locked", lambda: {"rich": "15.0.0"})
    for name in ("install_locked", "uv", "run"):
        monkeypatch.setattr(latest, name, getattr(machine, name))
    assert latest.blame(CHECK, MOVED) == sentence
    assert set(machine.commands) == {(*latest.PYTEST, "tests/test_a.py::test_b")}


def test_the_lock_is_read() -> None:
    """Names and releases, without markers and checksums."""
    pins = latest.locked()
    assert pins["schemathesis"].startswith("4.")
    assert all(version[0].isdigit() and "\\" not in version for version in pins.values())
    assert {"pip", "hatchling", "uv", "colorama"} <= set(pins)
