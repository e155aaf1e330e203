"""Decide whether a run, or its steps, contradict themselves.

Each invariant takes one body and returns the contradiction, or None. The checks test runs that they
provide; the monitor tests every response.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any

from conformance.assertions.matchers import in_order, parse_timestamp
from conformance.vocabulary import FINISHED, Status

Json = dict[str, Any]

IDENTITY = (
    "id",
    "automationId",
    "automationVersionId",
    "versionNumber",
    "tenantId",
    "createdAt",
    "triggerType",
    "triggerSourceId",
    "triggerSourceType",
    "orchestratorType",
)
"""The fields that never change."""
TIMES = ("createdAt", "startedAt", "completedAt", "updatedAt")
COUNTS = {
    "completedCount": "completed",
    "failedCount": "failed",
    "pendingCount": "pending",
    "runningCount": "running",
}
# Maximum difference of two measurements: in seconds, or a share of the duration, if that is more.
_MARGIN = Decimal("0.1")
_SHARE = Decimal("0.05")
_UPPER = Decimal(1)


def timestamps_have_zone(run: Json) -> str | None:
    """Timestamps are RFC 3339 and have a zone."""
    for field in TIMES:
        if run.get(field) is not None:
            try:
                parse_timestamp(run[field])
            except ValueError as fault:
                return f"{field}: {fault}"
    return None


def timestamps_in_order(run: Json) -> str | None:
    """Created, started, completed, updated."""
    return in_order(run, *TIMES)


def duration_consistent(run: Json) -> str | None:
    """The duration fits, and a completed run has one."""
    if run.get("status") == Status.COMPLETED and run.get("durationSeconds") is None:
        return "it has no durationSeconds"
    return duration_matches_times(run)


def completion_matches_status(run: Json) -> str | None:
    """Require `completedAt` exactly of a finished run, and `startedAt` of a running one."""
    state = run.get("status")
    if (run.get("completedAt") is not None) != (state in FINISHED):
        return f"it has completedAt {run.get('completedAt')!r}"
    if state in (Status.RUNNING, Status.COMPLETED) and run.get("startedAt") is None:
        return "it has no startedAt"
    return None


def error_matches_status(run: Json) -> str | None:
    """`error` if and only if it failed."""
    if (run.get("error") is not None) != (run.get("status") == Status.FAILED):
        return f"it has error {run.get('error')!r}"
    return None


def counts_match_steps(body: Json) -> str | None:
    """Each count is the number of steps with its status."""
    found = Counter(str(s.get("status")) for s in body.get("steps") or () if isinstance(s, dict))
    for field, counted in COUNTS.items():
        if body.get(field) != found[counted]:
            return f"{field} is {body.get(field)!r}, {found[counted]} are {counted}"
    return None


def keys_unique(steps: Sequence[Json]) -> str | None:
    """No two steps share a key."""
    for key, times in Counter(step["key"] for step in steps).items():
        if times > 1:
            return f"the key {key!r} is there {times} times"
    return None


def dependencies_acyclic(steps: Sequence[Json]) -> str | None:
    """Dependencies exist, none is the step itself, and they have no circle."""
    needs = {step["key"]: set(step["dependsOn"]) for step in steps}
    for key, wanted in needs.items():
        if key in wanted:
            return f"the step {key!r} depends on itself"
        if unknown := wanted - needs.keys():
            return f"the step {key!r} depends on {min(unknown)!r}, which is not a step"
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as fault:
        return f"the steps {sorted(set(fault.args[1]))} depend on each other in a circle"
    return None


def step_times_consistent(step: Json) -> str | None:
    """Require start, duration and end to agree, and both times of a step that ended by itself."""
    if why := in_order(step, "startedAt", "completedAt") or duration_matches_times(step):
        return why
    done = step.get("status") in ("completed", "failed")
    if done and None in (step.get("startedAt"), step.get("completedAt")):
        return "it lacks a time"
    return None


def started_before_dependency(step: Json, needed: Json) -> str | None:
    """Require that the needed step had completed when the step started.

    Raise ValueError if a time of either cannot be parsed.
    """
    if needed["status"] != "completed":
        return f"{needed['key']!r}, on which it depends, is {needed['status']}"
    if parse_timestamp(step["startedAt"]) < parse_timestamp(needed.get("completedAt")):
        return (
            f"it started at {step['startedAt']}, before {needed['key']!r}, on which it depends, "
            f"completed at {needed['completedAt']}"
        )
    return None


def duration_matches_times(bearer: Json) -> str | None:
    """`durationSeconds` is never negative, and from start to completion: as exactly as the three
    are given, give or take a tenth of a second or a twentieth of it, and never more than a second.
    """
    value = bearer.get("durationSeconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return f"durationSeconds is {value!r}"
    start, end = bearer.get("startedAt"), bearer.get("completedAt")
    if start is None or end is None:
        return None
    try:
        span = Decimal(str((parse_timestamp(end) - parse_timestamp(start)).total_seconds()))
    except ValueError as fault:
        return str(fault)
    seconds = Decimal(str(value))
    rounding = max(_unit(seconds), *(_unit(_fraction(str(at))) for at in (start, end)))
    if abs(span - seconds) <= min(_UPPER, rounding + max(_MARGIN, _SHARE * span)):
        return None
    return f"durationSeconds is {value}, from start to completion it is {span:f}"


def is_step(step: object) -> bool:
    """Whether it is a step with a key, a status and a list of dependencies, of which alone more can
    be said."""
    return (
        isinstance(step, dict)
        and isinstance(step.get("key"), str)
        and isinstance(step.get("status"), str)
        and isinstance(step.get("dependsOn"), list)
        and all(isinstance(key, str) for key in step["dependsOn"])
    )


RUN_INVARIANTS: Mapping[str, Callable[[Json], str | None]] = {
    "GET-05": timestamps_have_zone,
    "GET-06": timestamps_in_order,
    "GET-07": duration_consistent,
    "GET-08": completion_matches_status,
    "GET-09": error_matches_status,
}
"""The invariant of a run for each requirement."""
STEP_INVARIANTS: Mapping[str, Callable[[Sequence[Json]], str | None]] = {
    "STEPS-04": keys_unique,
    "STEPS-05": dependencies_acyclic,
}
"""The invariant of all steps of a run for each requirement."""


def _fraction(timestamp: str) -> Decimal:
    found = re.search(r"\.\d+", timestamp)
    return Decimal(found[0]) if found else Decimal(0)


def _unit(value: Decimal) -> Decimal:
    """Return the place of the last significant digit, as zeros at the end may come of rounding."""
    exponent = value.normalize().as_tuple().exponent if value else 0
    return Decimal(1).scaleb(min(0, exponent)) if isinstance(exponent, int) else _UPPER
