"""The words of the kit, each spelled once: strengths of evidence, verdicts, states that a run can
be wanted in, ways to get it there, and the operations of the contract."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

ROOT = "/api/v1/automation-runs"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The pattern of a run's id in lower case."""


class Level(StrEnum):
    """How well a requirement is founded: the first two gate, the others under --strict."""

    DOCUMENTED = "documented"
    DERIVED = "derived"
    ANALOGUE = "analogue"
    INFERRED = "inferred"

    @property
    def gates(self) -> bool:
        """Whether falling short of it violates the contract."""
        return self in (Level.DOCUMENTED, Level.DERIVED)


class Verdict(StrEnum):
    """The verdict on a requirement after its checks, worst first."""

    VIOLATION = "violation"
    DEVIATION = "deviation"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    UNSUPPORTED = "unsupported"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - a verdict, no secret

    @property
    def fails(self) -> bool:
        """Whether something went wrong that a waiver may tolerate."""
        return self in (
            Verdict.VIOLATION,
            Verdict.DEVIATION,
            Verdict.ERROR,
            Verdict.INCONCLUSIVE,
        )

    @property
    def rank(self) -> int:
        """Return 0 for the worst, which the requirement gets when its checks disagree."""
        return list(Verdict).index(self)


class Untested(StrEnum):
    """Why a requirement was not tested. The first three depend on the target, the mode and the
    traffic: they never gate."""

    UNSUPPORTED = "unsupported"
    OUT_OF_REACH = "out of this mode's reach"
    NOT_EXERCISED = "not exercised"
    PRECONDITION = "precondition not reached"
    SAME_FAULT = "caused by the same fault"
    UNSTABLE = "other clients changed the runs"
    RATE_LIMIT = "rate limit"
    DID_NOT_FIT = "did not fit into the budget at the rate limit"
    BUDGET = "budget spent"
    INTERRUPTED = "interrupted"
    LOST = "no connection"
    EXPIRED = "the credential expired"
    SETUP = "set-up or internal error"

    @property
    def gates(self) -> bool:
        """Whether `--fail-on inconclusive` counts it."""
        return self not in (
            Untested.UNSUPPORTED,
            Untested.OUT_OF_REACH,
            Untested.NOT_EXERCISED,
        )


class ExitCode(IntEnum):
    """The exit codes of the command."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    NO_VERDICT = 2
    INTERRUPTED = 130


class State(StrEnum):
    """The kinds of run that a check may need."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    FAILS_ONCE = "fails_once"
    PENDING = "pending"
    RUNNING_LONG = "running_long"
    DIAMOND = "diamond"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    OTHER_TENANT = "other_tenant"

    @property
    def meaning(self) -> str:
        """Return the meaning of the state, for users who provide such runs."""
        return _MEANINGS[self]


_MEANINGS = {
    State.SUCCEEDS: "a run that completes, taken before it has finished",
    State.FAILS: "a run with a step that always fails and dependents of it",
    State.FAILS_ONCE: "a run that fails at first and completes when it is retried",
    State.PENDING: "a run that stays pending for minutes",
    State.RUNNING_LONG: "a run that keeps running for minutes",
    State.DIAMOND: "a run that completes, one of whose steps depends on two others",
    State.COMPLETED: "a run that has completed",
    State.CANCELLED: "a run that was cancelled",
    State.OTHER_TENANT: "a run of another tenant",
}


class Status(StrEnum):
    """Where a run is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in FINISHED


FINISHED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
NEXT_STATUSES: Mapping[str, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.COMPLETED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.COMPLETED, Status.FAILED}),
}
"""Where a run may get by itself, as far as it is not seen all the time."""


class ProvisionMethod(StrEnum):
    """The ways to get runs, since the contract has none."""

    AUTO = "auto"
    MOCK = "mock"
    DISCOVER = "discover"
    STATIC = "static"
    HTTP = "http"
    COMMAND = "command"


class FileKind(StrEnum):
    """The kinds of file that a report can be written as, each by the option of its name."""

    JSON = "json"
    JUNIT = "junit"
    HTML = "html"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    CODEQUALITY = "codequality"
    CTRF = "ctrf"
    HAR = "har"
    BADGE = "badge"


class Operation(StrEnum):
    """The operations of the contract by their `operationId`."""

    LIST = "listRuns"
    GET = "getRun"
    CANCEL = "cancelRun"
    EVENTS = "streamRunEvents"
    RETRY = "retryRun"
    STEPS = "getRunSteps"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "POST" if self in (Operation.CANCEL, Operation.RETRY) else "GET"

    def path(self, run_id: str) -> str:
        """The path for one run; the list has but one."""
        return ROOT if self is Operation.LIST else f"{ROOT}/{run_id}{_SUFFIXES[self]}"


_SUFFIXES = {
    Operation.GET: "",
    Operation.CANCEL: "/cancel",
    Operation.EVENTS: "/events",
    Operation.RETRY: "/retry",
    Operation.STEPS: "/steps",
}

RUN_OPERATIONS = tuple(o for o in Operation if o is not Operation.LIST)
