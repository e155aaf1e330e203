"""The JSON of the contract as bytes: runs, steps, pages and events."""

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
    """How to render where the contract is silent. ``leave_out``: omit fields without a value;
    ``until``: the instant up to which the duration of a running run or step counts."""

    leave_out: bool = False
    until: int | None = None


PLAIN = Style()


def run_fields(state: RunState, style: Style = PLAIN) -> Json:
    """Return the fields of the contract's ``Run``; null where there is no value."""
    identity = state.identity
    fields = {
        "automationId": identity.automation_id,
        "automationVersionId": identity.automation_version_id,
        "completedAt": _instant(state.completed),
        "concurrencyKey": identity.concurrency_key,
        "createdAt": _text(identity.created),
        "durationSeconds": _seconds(state.started, state.completed, style),
        "error": state.error,
        "externalJobId": state.external_job_id,
        "id": identity.id,
        "orchestratorType": identity.orchestrator_type,
        "startedAt": _instant(state.started),
        "status": state.status,
        "tenantId": identity.tenant_id,
        "triggerSourceId": identity.trigger_source_id,
        "triggerSourceType": identity.trigger_source_type,
        "triggerType": identity.trigger_type,
        "updatedAt": _text(state.updated),
        "versionNumber": identity.version_number,
    }
    return _without_null(fields) if style.leave_out else fields


def step_fields(step: StepState, steps: list[StepState], style: Style = PLAIN) -> Json:
    """Return the fields of the contract's ``Step``; ``steps`` are all steps of its run."""
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
    """Return the contract's ``Run``."""
    return orjson.dumps(run_fields(state, style))


def steps(state: RunState, style: Style = PLAIN) -> bytes:
    """Return the contract's ``RunSteps``."""
    state = state.unpacked()
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
    """Return the contract's ``RunPage`` of rendered runs."""
    return b'{"items":[%b],"total":%d}' % (b",".join(items), total)


def event_bytes(event: Event, state: RunState, style: Style = PLAIN, *, full: bool = True) -> bytes:
    """Return a server-sent event with the run and the step as in ``state``; its data field alone
    unless ``full``."""
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
