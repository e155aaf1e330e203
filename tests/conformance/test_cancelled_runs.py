"""Runs that are cancelled ahead of the checks are kept as they were first seen cancelled, however
soon something changes them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.harness.context import CheckContext
from conformance.harness.polling import Poller
from conformance.provision.protocol import Clock
from conformance.vocabulary import State, Status


def cancelled(*runs: Sequence[str]) -> list[str]:
    """The statuses that are kept, of runs that show these when they are read after a cancel."""
    histories = iter(runs)
    current: Iterator[str] = iter(())

    def fresh(state: State, at: Status | None) -> str:
        nonlocal current
        current = iter(next(histories, ["completed"] * 9))
        return "a"

    def run(run_id: str) -> dict[str, Any]:
        return {"id": run_id, "status": next(current)}

    context = SimpleNamespace(
        api=SimpleNamespace(cancel=lambda run_id: None, run=run),
        runs=SimpleNamespace(fresh=fresh, unlimited=True),
        poller=Poller(cast("Clock", SimpleNamespace(advance=lambda seconds: seconds)), 1.0),
        steps=lambda run_id: [],
    )
    context._cancel_one = lambda at: CheckContext._cancel_one(cast("CheckContext", context), at)
    kept = CheckContext._cancel_runs(cast("CheckContext", context))
    return [snapshot.run["status"] for snapshot in kept]


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ([["cancelled", "completed"], ["cancelled"]], ["cancelled", "cancelled"]),
        ([["completed"], ["completed"], ["cancelled", "completed"]], ["cancelled"]),
        ([["running", "cancelled"], ["completed"], ["cancelled"]], ["cancelled", "cancelled"]),
        ([], []),
    ],
)
def test_a_run_is_kept_as_it_was_first_seen_cancelled(
    runs: list[list[str]], kept: list[str]
) -> None:
    """It is not read again, and another is cancelled if it had ended before it was read."""
    assert cancelled(*runs) == kept
