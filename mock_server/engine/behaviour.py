"""How a backend behaves where the contract is silent: answers to its open questions.

Each question has a fixed set of answers, which ``fixtures/questions.yaml`` explains; the first one
is the contract's own. Code reads a field of ``Behaviour``, not the number of a question. A profile
under ``fixtures/behaviours`` answers some or all of them; the others are answered as in the
contract.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, RootModel, create_model

from mock_server import resources, yaml_model
from mock_server.errors import UsageError


class StateConflict(StrEnum):
    """The response to a request that contradicts the state of the run."""

    CONFLICT = "conflict"
    BAD_REQUEST = "bad_request"
    UNCHANGED = "unchanged"


class RetryIdentity(StrEnum):
    SAME_RUN = "same_run"
    NEW_RUN = "new_run"


class RetryOfUnfailed(StrEnum):
    """Whether a completed or cancelled run can be retried."""

    EXPLICIT = "explicit"
    ALWAYS = "always"
    NEVER = "never"


class UnknownValue(StrEnum):
    """The response to an unknown value of the status filter."""

    INVALID = "invalid"
    EMPTY = "empty"


class BelowOne(StrEnum):
    EMPTY = "empty"
    INVALID = "invalid"


class UnknownParameter(StrEnum):
    """The response to query parameters that the contract does not have."""

    IGNORED = "ignored"
    INVALID = "invalid"


class Unauthenticated(StrEnum):
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"


class ForeignRun(StrEnum):
    """The response to a request for another tenant's run."""

    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"


class CancelOfRunning(StrEnum):
    AT_ONCE = "at_once"
    COOPERATIVE = "cooperative"


class ListOrder(StrEnum):
    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


class Framing(StrEnum):
    FULL = "full"
    DATA_ONLY = "data_only"


class FinishedStream(StrEnum):
    """The event stream of a run that has finished."""

    REPLAYS = "replays"
    CLOSES = "closes"
    STAYS_OPEN = "stays_open"


class StreamEnd(StrEnum):
    """The event stream of a run that finishes."""

    CLOSES = "closes"
    STAYS_OPEN = "stays_open"


class MissingStepKey(StrEnum):
    INVALID = "invalid"
    BAD_REQUEST = "bad_request"
    FROM_FAILED = "from_failed"


class UnknownStepKey(StrEnum):
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    INVALID = "invalid"


class AbsentBody(StrEnum):
    DEFAULTS = "defaults"
    INVALID = "invalid"


class AfterFailed(StrEnum):
    SKIPPED = "skipped"
    PENDING = "pending"
    CANCELLED = "cancelled"


class EmptyFields(StrEnum):
    NULL = "null"
    ABSENT = "absent"


class ErrorBody(StrEnum):
    DETAIL = "detail"
    PROBLEM = "problem"


class RunningDuration(StrEnum):
    NULL = "null"
    GROWS = "grows"


class Success(StrEnum):
    """The status code of a successful cancel or retry."""

    OK = "ok"
    CREATED = "created"
    ACCEPTED = "accepted"

    @property
    def code(self) -> int:
        return {"ok": 200, "created": 201, "accepted": 202}[self.value]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The answers of one backend, in the order of the questions; the defaults are the
    contract's."""

    retry_identity: RetryIdentity = RetryIdentity.SAME_RUN
    cancel_of_finished: StateConflict = StateConflict.CONFLICT
    retry_of_unfinished: StateConflict = StateConflict.CONFLICT
    retry_of_unfailed: RetryOfUnfailed = RetryOfUnfailed.EXPLICIT
    unknown_status: UnknownValue = UnknownValue.INVALID
    limit_below_one: BelowOne = BelowOne.EMPTY
    unknown_parameters: UnknownParameter = UnknownParameter.IGNORED
    unauthenticated: Unauthenticated = Unauthenticated.UNAUTHORIZED
    foreign_run: ForeignRun = ForeignRun.NOT_FOUND
    cancel_of_running: CancelOfRunning = CancelOfRunning.AT_ONCE
    list_order: ListOrder = ListOrder.NEWEST_FIRST
    framing: Framing = Framing.FULL
    finished_stream: FinishedStream = FinishedStream.REPLAYS
    stream_end: StreamEnd = StreamEnd.CLOSES
    missing_step_key: MissingStepKey = MissingStepKey.INVALID
    unknown_step_key: UnknownStepKey = UnknownStepKey.NOT_FOUND
    absent_body: AbsentBody = AbsentBody.DEFAULTS
    after_failed: AfterFailed = AfterFailed.SKIPPED
    empty_fields: EmptyFields = EmptyFields.NULL
    error_body: ErrorBody = ErrorBody.DETAIL
    running_duration: RunningDuration = RunningDuration.NULL
    success: Success = Success.OK

    def answers(self) -> dict[str, str]:
        """Return the answer to each question by its number."""
        return {question: str(getattr(self, name)) for question, name in QUESTIONS.items()}


QUESTIONS: dict[str, str] = {
    f"Q{number:02}": decision.name for number, decision in enumerate(fields(Behaviour), 1)
}
"""The field of ``Behaviour`` for each question; a test compares it with the file."""

_definitions: dict[str, Any] = {
    question: (Annotated[type(decision.default), Field(strict=False)], decision.default)
    for question, decision in zip(QUESTIONS, fields(Behaviour), strict=True)
}
Answers: Any = create_model("Answers", __base__=yaml_model.Model, **_definitions)


class BehaviourFile(yaml_model.Model):
    """A profile as a file: a summary, and answers."""

    summary: str
    answers: Answers = Field(default_factory=partial(Answers))

    def behaviour(self) -> Behaviour:
        """Return the behaviour of the profile."""
        return from_answers(self.answers)


class Question(yaml_model.Model):
    """An open question, and the meaning of each answer."""

    question: str
    answers: dict[str, str]


class QuestionsFile(RootModel[dict[str, Question]]):
    """All open questions by number."""


def questions() -> dict[str, Question]:
    """Return the open questions by number."""
    file, _ = yaml_model.load(resources.questions_file(), QuestionsFile)
    return file.root


def read(path: Path) -> Behaviour:
    """Return the behaviour in ``path``. Raise FileError."""
    file, _ = yaml_model.load(path, BehaviourFile)
    return file.behaviour()


def summary(path: Path) -> str:
    """Return the summary of the profile in ``path``. Raise FileError."""
    file, _ = yaml_model.load(path, BehaviourFile)
    return file.summary


def from_answers(answers: Answers) -> Behaviour:
    """Return the behaviour with these answers."""
    return Behaviour(**{name: getattr(answers, question) for question, name in QUESTIONS.items()})


def names() -> list[str]:
    """Return the names of the profiles that come with the mock."""
    return sorted(file.stem for file in resources.behaviours_dir().glob("*.yaml"))


def find(name: str, directory: Path) -> Behaviour:
    """Return the behaviour of that name in ``directory``, or in the file of that path.

    Raise UsageError.
    """
    return read(locate(name, directory))


def locate(name: str, directory: Path) -> Path:
    """Return the file of the behaviour of that name in ``directory``, or of that path.

    Raise UsageError.
    """
    path = directory / f"{name}.yaml"
    if path.is_file():
        return path
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    known = ", ".join(sorted(file.stem for file in directory.glob("*.yaml")))
    raise UsageError(f"--behaviour: expected a .yaml file or one of {known}, got {name!r}")
