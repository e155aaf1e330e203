"""A run as it was seen to go, in few enough words to be drawn: its status and when that changed,
its steps with their times, and the events of its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.client.run_events import RunEvent, run_events
from conformance.harness.run_recording import Snapshot, StreamRecording
from conformance.vocabulary import FINISHED, Status

MAX_STEPS = 60
MAX_EVENTS = 200
_SINCE = {
    Status.PENDING.value: "createdAt",
    Status.RUNNING.value: "startedAt",
    **dict.fromkeys((each.value for each in FINISHED), "completedAt"),
}
_RUN = ("id", "status", "createdAt", "startedAt", "completedAt")
_STEP = ("key", "status", "startedAt", "completedAt", "dependsOn")


def to_history(name: str, seen: object) -> dict[str, Any] | None:
    """Return the published part of a shared observation; None if it is not of a run."""
    if isinstance(seen, StreamRecording):
        return _of_events("stream of a run that succeeds", run_events(seen.first.events))
    snapshots = (
        [each for each in seen if isinstance(each, Snapshot)] if isinstance(seen, list) else []
    )
    return (
        _of_moments(name.replace("life of", "run provided for"), snapshots) if snapshots else None
    )


def _of_moments(name: str, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    changes: list[dict[str, Any]] = []
    for snapshot in snapshots:
        status = snapshot.run.get("status")
        if not changes or changes[-1]["status"] != status:
            changes.append({"at": _since(snapshot.run), "status": _text(status)})
    return _published(name, snapshots[-1].run, changes, snapshots[-1].steps, ())


def _of_events(name: str, events: Sequence[RunEvent]) -> dict[str, Any] | None:
    runs = [event.run for event in events if event.run is not None]
    if not runs:
        return None
    changes: list[dict[str, Any]] = []
    for run in runs:
        if not changes or changes[-1]["status"] != run.get("status"):
            changes.append({"at": _since(run), "status": _text(run.get("status"))})
    last = {event.step_key: event.step for event in events if event.step is not None}
    return _published(name, runs[-1], changes, last.values(), _listed(events))


def _since(run: dict[str, Any]) -> str | None:
    """Return when the run got into its status, by its own times: it may have been seen later."""
    field = _SINCE.get(str(run.get("status")), "updatedAt")
    return _text(run.get(field) or run.get("updatedAt"))


def _listed(events: Iterable[RunEvent]) -> Iterator[dict[str, Any]]:
    for event in events:
        at = None if event.run is None else event.run.get("updatedAt")
        yield {"at": _text(at), "kind": event.kind, "step": event.step_key}


def _published(
    name: str,
    run: dict[str, Any],
    changes: list[dict[str, Any]],
    steps: Iterable[dict[str, Any]],
    events: Iterable[dict[str, Any]],
) -> dict[str, Any]:
    kept = [
        {k: _text(step.get(k)) for k in _STEP[:-1]} | {"dependsOn": _texts(step.get("dependsOn"))}
        for step in list(steps)[:MAX_STEPS]
    ]
    return {
        "name": name,
        "run": {key: _text(run.get(key)) for key in _RUN},
        "changes": changes,
        "steps": kept,
        "events": list(events)[:MAX_EVENTS],
    }


def _text(value: object) -> str | None:
    """Return any value that the implementation sends as text that can be drawn."""
    return None if value is None else str(value)[:200]


def _texts(value: object) -> list[str]:
    return [str(each)[:200] for each in value] if isinstance(value, list) else []
