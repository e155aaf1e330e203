"""A run of the kit in the background is made once, whoever asks for it and whenever."""

from __future__ import annotations

import fcntl
from contextlib import nullcontext
from pathlib import Path

from hostile import nobody
from support import in_background


def test_a_run_that_has_ended_is_there_for_all(tmp_path: Path) -> None:
    """Who comes later begins no other, and keeps its report from nobody."""
    file = tmp_path / "report.json"
    with nobody() as port:
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
