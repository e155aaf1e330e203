"""Decide whether the events of a run are in an order in which they can have occurred."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.client.run_events import RunEvent

_ENDS = ("completed", "failed", "cancelled")


def disorder(events: Iterable[RunEvent], *, whole: bool) -> str | None:
    """Return what cannot have occurred in this order; None if all can.

    A `whole` stream is that of one attempt from its beginning. Others can begin in the middle, and
    go on with another attempt after the end of one.
    """
    latest: dict[str, str] = {}
    started: set[str] = set()
    ended = ""
    for event in events:
        key, outcome = event.step_key, event.outcome
        if ended:
            if whole or (key is not None and outcome in _ENDS):
                return f"{event.kind} follows {ended}"
            latest.clear()
        ended = event.kind if event.ends_run else ""
        if key is None:
            continue
        before = latest.get(key, "not started")
        if outcome == "started" and (before == "started" or (whole and key in started)):
            return f"the step {key!r} starts, and it was {before} before"
        if whole and outcome == "completed" and before != "started":
            return f"the step {key!r} completes, and it was {before}"
        latest[key] = outcome
        started |= {key} if outcome in ("started", "completed") else set()
    return None
