"""What was done to a run of the past: cancel, retry and decisions, as data in a world file."""

from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from mock_server import yaml_model
from mock_server.engine.duration import DURATION_PATTERN, parse_duration
from mock_server.engine.enums import RetryMode, StepStatus
from mock_server.engine.run import Run
from mock_server.errors import HttpError, RequestValidationError
from mock_server.worlds.world import World

MAX_REQUESTS = 100


def _milliseconds(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write 250ms, 2s, 1.5m, 1h or 2d")
    return parse_duration(value)


Duration = Annotated[
    Any,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]


class RequestFile(yaml_model.Model):
    """A request that changed a run, ``after`` its creation. ``step`` is the step of a decision, by
    default the one that awaits it, or the one from which a retry begins."""

    after: Duration
    do: Literal["cancel", "retry", "approve", "reject"]
    mode: Annotated[RetryMode, Field(strict=False)] = RetryMode.FROM_FAILED
    step: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "RequestFile":
        if self.do != "retry" and self.mode is not RetryMode.FROM_FAILED:
            raise ValueError(f"mode is for retry only, not for {self.do}; leave it out")
        if self.mode is RetryMode.FROM_STEP and self.step is None:
            raise ValueError("mode from_step needs a step; name its key")
        if self.step is not None and (self.do == "cancel" or self._retries_without_step):
            raise ValueError("step is for approve, reject and mode from_step; leave it out")
        return self

    @property
    def _retries_without_step(self) -> bool:
        return self.do == "retry" and self.mode is not RetryMode.FROM_STEP


def is_early(request: RequestFile, run: Run) -> bool:
    """Return whether the run has not come so far: it is not finished, or awaits no decision."""
    match request.do:
        case "retry":
            return not run.finished
        case "approve" | "reject":
            return not run.finished and _awaiting(request, run) is None
        case _:
            return False


def carry_out(request: RequestFile, world: World, run: Run) -> None:
    """Do to the run what was requested. Where the behaviour rejects that, nothing happens."""
    with suppress(HttpError, RequestValidationError):
        if request.do == "cancel":
            world.cancel(run)
        elif request.do == "retry":
            world.retry(run, request.mode, request.step)
        elif (index := _awaiting(request, run)) is not None:
            approved = request.do == "approve"
            world.change_run(lambda engine: engine.decide(run, index, approved))


def _awaiting(request: RequestFile, run: Run) -> int | None:
    """Return the index of the step that awaits the decision."""
    return next(
        (
            index
            for index, step in enumerate(run.state.steps)
            if step.status is StepStatus.AWAITING_APPROVAL and request.step in (None, step.plan.key)
        ),
        None,
    )
