"""A run of the kit in the background is made once, however many tests ask for it."""

from __future__ import annotations

import fcntl
from contextlib import nullcontext
from pathlib import Path

from hostile import closed_port
from support import in_background


def test_a_run_that_has_ended_is_there_for_all(tmp_path: Path) -> None:
    """A later user starts no other run, and gets the same report."""
    file = tmp_path / "report.json"
    with closed_port() as port:
        there = nullcontext(f"http://127.0.0.1:{port}")
        with in_background(file, there, "--token", "x") as first:
            report = first.report()
        with (
            in_background(file, there, "--token", "x") as second,
            file.with_suffix(".lock").open() as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            assert second.report() == report
    assert "is not reachable" in second.output()
