"""Define which status transitions a run and its steps may make.

``run_state`` applies events by these tables and rejects every other; ``lifecycle`` decides which
events a request or the clock causes.
"""

from __future__ import annotations

from collections.abc import Mapping

from mock_server.engine.enums import EventType, RunStatus, StepStatus

_R, _S, _E = RunStatus, StepStatus, EventType

RUN_TRANSITIONS: Mapping[EventType, tuple[frozenset[RunStatus], RunStatus]] = {
    _E.RUN_STARTED: (frozenset({_R.PENDING}), _R.RUNNING),
    _E.RUN_COMPLETED: (frozenset({_R.RUNNING}), _R.COMPLETED),
    _E.RUN_FAILED: (frozenset({_R.RUNNING}), _R.FAILED),
    _E.RUN_CANCEL_REQUESTED: (frozenset({_R.RUNNING}), _R.RUNNING),
    _E.RUN_CANCELLED: (frozenset({_R.PENDING, _R.RUNNING}), _R.CANCELLED),
    _E.RUN_RETRIED: (frozenset({_R.COMPLETED, _R.FAILED, _R.CANCELLED}), _R.PENDING),
}
"""For each event of a run: the statuses in which it is allowed, and the resulting status."""

STEP_TRANSITIONS: Mapping[EventType, tuple[frozenset[StepStatus], StepStatus]] = {
    _E.STEP_STARTED: (frozenset({_S.PENDING}), _S.RUNNING),
    _E.STEP_AWAITING_APPROVAL: (frozenset({_S.PENDING}), _S.AWAITING_APPROVAL),
    _E.STEP_APPROVED: (frozenset({_S.AWAITING_APPROVAL}), _S.RUNNING),
    _E.STEP_COMPLETED: (frozenset({_S.RUNNING}), _S.COMPLETED),
    _E.STEP_FAILED: (frozenset({_S.RUNNING, _S.AWAITING_APPROVAL}), _S.FAILED),
    _E.STEP_SKIPPED: (frozenset({_S.PENDING}), _S.SKIPPED),
    _E.STEP_CANCELLED: (
        frozenset({_S.PENDING, _S.RUNNING, _S.AWAITING_APPROVAL}),
        _S.CANCELLED,
    ),
    _E.STEP_RESET: (frozenset(_S) - {_S.RUNNING, _S.AWAITING_APPROVAL}, _S.PENDING),
}
"""For each event of a step: the statuses in which it is allowed, and the resulting status."""


class IllegalTransitionError(Exception):
    """An event that the transition tables do not allow."""
