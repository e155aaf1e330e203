"""Which steps a retry runs again, and which retries are errors."""

from mock_server.engine.behaviour import (
    Behaviour,
    MissingStepKey,
    RetryOfUnfailed,
    UnknownStepKey,
)
from mock_server.engine.enums import RetryMode, RunStatus, StepStatus
from mock_server.engine.run import Run
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError

_STEP_KEY = ("body", "stepKey")


def mode_without_step_key(behaviour: Behaviour) -> RetryMode:
    """Return the mode for ``from_step`` without a step key.

    Raise HttpError or RequestValidationError.
    """
    match behaviour.missing_step_key:
        case MissingStepKey.INVALID:
            detail = ErrorDetail(_STEP_KEY, "Field required", "missing")
            raise RequestValidationError([detail], question="Q15")
        case MissingStepKey.BAD_REQUEST:
            raise HttpError(400, "mode from_step needs stepKey", question="Q15")
        case MissingStepKey.FROM_FAILED:
            return RetryMode.FROM_FAILED


def steps_to_rerun(
    run: Run, mode: RetryMode, step_key: str | None, behaviour: Behaviour
) -> set[int]:
    """Return the indexes of the steps that run again.

    These are the steps that ``mode`` selects, their dependents, and every step that has not
    completed, because the run could not complete without it. Raise HttpError or
    RequestValidationError.
    """
    state = run.state
    not_failed = state.status is not RunStatus.FAILED
    if not_failed and behaviour.retry_of_unfailed is RetryOfUnfailed.NEVER:
        raise HttpError(
            409, f"The run is {state.status}: only a failed run can be retried.", question="Q04"
        )
    all_steps = set(range(len(state.steps)))
    if mode is RetryMode.FULL:
        return all_steps
    if mode is RetryMode.FROM_STEP:
        selected = {_step(run, step_key or "", behaviour)}
    elif not_failed and behaviour.retry_of_unfailed is RetryOfUnfailed.EXPLICIT:
        raise HttpError(
            409,
            f"The run is {state.status}: it has no failed step to retry from.",
            question="Q04",
        )
    else:
        selected = set()
    unfinished = {i for i in all_steps if state.steps[i].status is not StepStatus.COMPLETED}
    return run.scenario.downstream(selected | unfinished)


def _step(run: Run, key: str, behaviour: Behaviour) -> int:
    index = run.scenario.indexes.get(key)
    if index is not None:
        return index
    reason = f"The run has no step {key!r}."
    match behaviour.unknown_step_key:
        case UnknownStepKey.NOT_FOUND:
            raise HttpError(404, reason, question="Q16")
        case UnknownStepKey.BAD_REQUEST:
            raise HttpError(400, reason, question="Q16")
        case UnknownStepKey.INVALID:
            detail = ErrorDetail(_STEP_KEY, reason, "value_error")
            raise RequestValidationError([detail], question="Q16")
