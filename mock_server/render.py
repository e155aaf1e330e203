"""The JSON of the contract, as bytes: runs, steps, pages and events."""

from collections.abc import Iterable
from functools import lru_cache

import orjson

from mock_server.clock import SECOND, to_text
from mock_server.run import Event, Json, RunState, StepState
from mock_server.vocabulary import StepStatus

_text = lru_cache(maxsize=4_096)(to_text)


def run_fields(state: RunState) -> Json:
    """A run as the contract's ``Run``: every field there, null where there is nothing to say."""
    who = state.identity
    return {
        "automationId": who.automation_id,
        "automationVersionId": who.automation_version_id,
        "completedAt": _instant(state.completed),
        "concurrencyKey": who.concurrency_key,
        "createdAt": _text(who.created),
        "durationSeconds": _seconds(state.started, state.completed),
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


def step_fields(step: StepState, steps: list[StepState]) -> Json:
    """A step as the contract's ``Step``; ``steps`` are all of its run's."""
    return {
        "actionRunId": step.action_run_id,
        "completedAt": _instant(step.completed),
        "decisionId": step.decision_id,
        "dependsOn": [steps[need].plan.key for need in step.plan.needs],
        "durationSeconds": _seconds(step.started, step.completed),
        "error": step.error,
        "key": step.plan.key,
        "name": step.plan.name,
        "result": step.result,
        "resultTruncated": step.truncated,
        "startedAt": _instant(step.started),
        "status": step.status,
    }


def run(state: RunState) -> bytes:
    """The contract's ``Run``."""
    return orjson.dumps(run_fields(state))


def steps(state: RunState) -> bytes:
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
            "steps": [step_fields(step, state.steps) for step in state.steps],
        }
    )


def page(items: Iterable[bytes], total: int) -> bytes:
    """The contract's ``RunPage``, of runs that are rendered already."""
    return b'{"items":[%b],"total":%d}' % (b",".join(items), total)


def frame(event: Event, state: RunState) -> bytes:
    """A Server-Sent Event: what happened, with the run and the step as ``state`` has them."""
    data: Json = {"run": run_fields(state)}
    if event.step is not None:
        data["step"] = step_fields(state.steps[event.step], state.steps)
    body = orjson.dumps({"event": event.type, "data": data})
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.seq, event.type.encode(), body)


def _instant(instant: int | None) -> str | None:
    return None if instant is None else _text(instant)


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / SECOND
