"""The enums of the contract: operations, statuses, event types, retry modes."""

from enum import StrEnum


class Operation(StrEnum):
    LIST_RUNS = "listRuns"
    GET_RUN = "getRun"
    CANCEL_RUN = "cancelRun"
    STREAM_RUN_EVENTS = "streamRunEvents"
    RETRY_RUN = "retryRun"
    GET_RUN_STEPS = "getRunSteps"


STREAMING = frozenset({Operation.STREAM_RUN_EVENTS})


class RunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class EventType(StrEnum):
    RUN_CREATED = "run.created"
    RUN_STARTED = "run.started"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCEL_REQUESTED = "run.cancel_requested"
    RUN_CANCELLED = "run.cancelled"
    RUN_RETRIED = "run.retried"
    STEP_STARTED = "step.started"
    STEP_AWAITING_APPROVAL = "step.awaiting_approval"
    STEP_APPROVED = "step.approved"
    STEP_COMPLETED = "step.completed"
    STEP_FAILED = "step.failed"
    STEP_SKIPPED = "step.skipped"
    STEP_CANCELLED = "step.cancelled"
    STEP_RESET = "step.reset"


class RetryMode(StrEnum):
    FROM_FAILED = "from_failed"
    FROM_STEP = "from_step"
    FULL = "full"
