"""Watch the order of runs that were created at the same moment: it must not change while a client
reads page by page, or a run is on two of them and another on none."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import groupby

# Moments that are remembered; the oldest is forgotten.
_MAX_MOMENTS = 10_000


class TiedRuns:
    """The last order of the runs of each moment, as pages of the list have shown it."""

    def __init__(self) -> None:
        self._order: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def changed(self, items: Iterable[object]) -> str | None:
        """Return how a page has such runs in another order than one before; None if it has not."""
        runs = [run for run in items if isinstance(run, dict) and isinstance(run.get("id"), str)]
        groups = groupby(runs, lambda run: str(run.get("createdAt")))
        with self._lock:
            faults = [self._compare(moment, [run["id"] for run in tied]) for moment, tied in groups]
            while len(self._order) > _MAX_MOMENTS:
                del self._order[next(iter(self._order))]
        return next(filter(None, faults), None)

    def _compare(self, moment: str, ids: list[str]) -> str | None:
        if len(ids) < 2:
            return None
        known = self._order.get(moment, [])
        before = [run_id for run_id in known if run_id in ids]
        now = [run_id for run_id in ids if run_id in known]
        if before != now or len(ids) > len(known):
            self._order[moment] = ids
        if before == now or len(before) != len(now):  # A page with a run twice is another fault.
            return None
        first, second = next(pair for pair in zip(before, now, strict=True) if pair[0] != pair[1])
        return (
            f"the run {second} is listed before {first}, and was listed after it; both were "
            f"created at {moment}"
        )
