"""The life of a run is watched from when it waits: where runs soon start, several are tried."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.harness.context import CheckContext
from conformance.harness.polling import Poller
from conformance.harness.run_recording import Snapshot
from conformance.provision.protocol import Clock
from conformance.vocabulary import State


def watched(waiting: int, *, unlimited: bool = True) -> tuple[list[str], int]:
    """The statuses of the run that is watched, and how many were tried; all were running when they
    were first read but the one of this number."""
    runs: list[list[str]] = []

    def fresh(state: State) -> str:
        runs.append(["running", "completed"])
        if len(runs) == waiting:
            runs[-1].insert(0, "pending")
        return "a"

    def run(run_id: str) -> dict[str, Any]:
        return {"id": run_id, "status": runs[-1].pop(0)}

    context = SimpleNamespace(
        api=SimpleNamespace(run=run),
        runs=SimpleNamespace(fresh=fresh, unlimited=unlimited),
        poller=Poller(cast("Clock", SimpleNamespace(advance=lambda seconds: seconds)), 1.0),
        steps=lambda run_id: [],
        snapshot=lambda run_id: Snapshot(run(run_id), []),
    )
    seen = CheckContext._record_history(cast("CheckContext", context), State.SUCCEEDS)
    return [snapshot.run["status"] for snapshot in seen], len(runs)


@pytest.mark.parametrize("waiting", [1, 9])
def test_the_first_run_that_waits_is_watched(waiting: int) -> None:
    """On a busy machine most have started by the time that they are read."""
    assert watched(waiting) == (["pending", "running", "completed"], waiting)


def test_one_that_has_started_is_watched_if_none_waits() -> None:
    """After a number of tries; at once, where runs cannot be made."""
    statuses, tried = watched(0)
    assert statuses == ["running", "completed"]
    assert 5 < tried < 20
    assert watched(0, unlimited=False) == (["running", "completed"], 1)
