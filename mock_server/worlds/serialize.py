"""The JSON of the contract, as bytes: runs, steps, pages and events."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import orjson

from mock_server.engine.clock import SECOND, to_text
from mock_server.engine.enums import StepStatus
from mock_server.engine.run_state import Event, Json, RunState, StepState

_text = lru_cache(maxsize=4_096)(to_text)


@dataclass(frozen=True, slots=True)
class Style:
    """How things are shown where the contract is silent. ``leave_out``: fields without a value are
    absent; ``until``: the instant up to which the duration of what is at work is counted."""

    leave_out: bool = False
    until: int | None = None


PLAIN = Style()


def run_fields(state: RunState, style: Style = PLAIN) -> Json:
    """A run as the contract's ``Run``: every field there, null where there is nothing to say."""
    who = state.identity
    fields = {
        "automationId": who.automation_id,
        "automationVersionId": who.automation_version_id,
        "completedAt": _instant(state.completed),
        "concurrencyKey": who.concurrency_key,
        "createdAt": _text(who.created),
        "durationSeconds": _seconds(state.started, state.completed, style),
        "error": state.error,
        "externalJobId": state.external_job_id,
        "id": who.id,
        "orchestratorType": who.orchestrator_type,
        "startedAt": _instant(state.started),
        "status": state.status,
        "tenantId": who.tenant_id,
        "triggerSourceId": who.trigger_source_id,
        "triggerSourceType": who.trigger_source_type,
        "triggerType": who.trigger_type,
        "updatedAt": _text(state.updated),
        "versionNumber": who.version_number,
    }
    return _without_null(fields) if style.leave_out else fields


def step_fields(step: StepState, steps: list[StepState], style: Style = PLAIN) -> Json:
    """A step as the contract's ``Step``; ``steps`` are all of its run's."""
    fields = {
        "actionRunId": step.action_run_id,
        "completedAt": _instant(step.completed),
        "decisionId": step.decision_id,
        "dependsOn": [steps[need].plan.key for need in step.plan.needs],
        "durationSeconds": _seconds(step.started, step.completed, style),
        "error": step.error,
        "key": step.plan.key,
        "name": step.plan.name,
        "result": step.result,
        "resultTruncated": step.truncated,
        "startedAt": _instant(step.started),
        "status": step.status,
    }
    return _without_null(fields) if style.leave_out else fields


def run(state: RunState, style: Style = PLAIN) -> bytes:
    """The contract's ``Run``."""
    return orjson.dumps(run_fields(state, style))


def steps(state: RunState, style: Style = PLAIN) -> bytes:
    """The contract's ``RunSteps``."""
    counts = dict.fromkeys(StepStatus, 0)
    for step in state.steps:
        counts[step.status] += 1
    return orjson.dumps(
        {
            "automationRunId": state.identity.id,
            "completedCount": counts[StepStatus.COMPLETED],
            "failedCount": counts[StepStatus.FAILED],
            "pendingCount": counts[StepStatus.PENDING],
            "runningCount": counts[StepStatus.RUNNING],
            "steps": [step_fields(step, state.steps, style) for step in state.steps],
        }
    )


def page(items: Iterable[bytes], total: int) -> bytes:
    """The contract's ``RunPage``, of runs that are rendered already."""
    return b'{"items":[%b],"total":%d}' % (b",".join(items), total)


def frame(event: Event, state: RunState, style: Style = PLAIN, *, full: bool = True) -> bytes:
    """A Server-Sent Event: what happened, with the run and the step as ``state`` has them; its data
    line alone unless ``full``."""
    data: Json = {"run": run_fields(state, style)}
    if event.step is not None:
        data["step"] = step_fields(state.steps[event.step], state.steps, style)
    body = orjson.dumps({"event": event.type, "data": data})
    if not full:
        return b"data: %b\n\n" % body
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), body)


def _without_null(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _instant(instant: int | None) -> str | None:
    return None if instant is None else _text(instant)


def _seconds(start: int | None, end: int | None, style: Style) -> float | None:
    if end is None:
        end = style.until
    return None if start is None or end is None else (end - start) / SECOND
