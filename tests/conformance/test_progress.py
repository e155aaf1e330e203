"""Those who wait for a run hear how far it has come, in the log of CI as in a terminal."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from conformance.reporters.progress import ProgressLine

PATIENCE = 60.0
"""Seconds after which what should have been written is given up; nothing waits for them to pass."""


class Log(io.StringIO):
    """What is written, and a way to wait for a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()

    def write(self, text: str) -> int:
        """Write it, and wake those who wait."""
        with self._written:
            length = super().write(text)
            self._written.notify_all()
        return length

    def shows(self, part: str) -> bool:
        """Whether it does so before patience is lost."""
        with self._written:
            return self._written.wait_for(lambda: part in self.getvalue(), PATIENCE)


@pytest.fixture
def log() -> Log:
    """An empty one."""
    return Log()


def test_a_log_is_reported_while_one_check_goes_on(log: Log) -> None:
    """How many are done, what came of them and what is under way; nothing more when all is over."""
    line = ProgressLine(Console(file=log, width=200), every=0.001)
    line.begin(3)
    line.under_way("check_first")
    assert log.shows("0 of 3  first")
    line.done("[red]1 found[/]")
    line.under_way("check_second")
    assert log.shows("1 of 3  1 found  second")
    line.stop()
    reported = log.getvalue()
    line.under_way("check_third")
    assert "\x1b" not in reported
    assert log.getvalue().count("third") == 0


def test_nothing_is_said_where_nothing_is_wanted(log: Log) -> None:
    """However long it takes."""
    silence = io.StringIO()
    silent = ProgressLine(Console(file=silence), shown=False, every=0.001)
    reporting = ProgressLine(Console(file=log), every=0.001)
    for line in (silent, reporting):
        line.begin(1)
        line.under_way("check_first")
    assert log.shows("0 of 1")
    silent.stop()
    reporting.stop()
    assert silence.getvalue() == ""


def test_a_terminal_has_one_line_that_goes_away(log: Log) -> None:
    """No plain line is left in it."""
    line = ProgressLine(Console(file=log, force_terminal=True, width=200), every=0.001)
    line.begin(2)
    line.done("[green]no failures[/]")
    line.stop()
    assert " s  " not in log.getvalue()
