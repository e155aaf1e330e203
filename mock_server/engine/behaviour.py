"""How a backend answers where the contract is silent: the open questions Q01 to Q22, as data.

Each question has a closed vocabulary, told in ``fixtures/questions.yaml``; its first answer is the
contract's own. Engine, checks and operations ask a ``Behaviour`` by the name of the decision, never
by the number of the question. A profile under ``fixtures/behaviours`` answers some or all of them;
what it leaves out is as in the contract.
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
    """A request that contradicts the state of the run."""

    CONFLICT = "conflict"
    BAD_REQUEST = "bad_request"
    UNCHANGED = "unchanged"


class RetryIdentity(StrEnum):
    SAME_RUN = "same_run"
    NEW_RUN = "new_run"


class RetryOfUnfailed(StrEnum):
    """Retry of a completed or cancelled run."""

    EXPLICIT = "explicit"
    ALWAYS = "always"
    NEVER = "never"


class UnknownValue(StrEnum):
    """A value that the contract does not know."""

    INVALID = "invalid"
    EMPTY = "empty"


class BelowOne(StrEnum):
    EMPTY = "empty"
    INVALID = "invalid"


class UnknownParameter(StrEnum):
    """Query parameters that the contract does not know."""

    IGNORED = "ignored"
    INVALID = "invalid"


class Unauthenticated(StrEnum):
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"


class ForeignRun(StrEnum):
    """Another tenant's run."""

    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"


class CancelOfRunning(StrEnum):
    EVENT_BATCH = "at_once"
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
    """The code of a successful cancel or retry."""

    OK = "ok"
    CREATED = "created"
    ACCEPTED = "accepted"

    @property
    def code(self) -> int:
        return {"ok": 200, "created": 201, "accepted": 202}[self.value]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One backend's answers. The defaults are the contract's."""

    retry_identity: RetryIdentity = RetryIdentity.SAME_RUN  # Q01
    cancel_of_finished: StateConflict = StateConflict.CONFLICT  # Q02
    retry_of_unfinished: StateConflict = StateConflict.CONFLICT  # Q03
    retry_of_unfailed: RetryOfUnfailed = RetryOfUnfailed.EXPLICIT  # Q04
    unknown_status: UnknownValue = UnknownValue.INVALID  # Q05
    limit_below_one: BelowOne = BelowOne.EMPTY  # Q06
    unknown_parameters: UnknownParameter = UnknownParameter.IGNORED  # Q07
    unauthenticated: Unauthenticated = Unauthenticated.UNAUTHORIZED  # Q08
    foreign_run: ForeignRun = ForeignRun.NOT_FOUND  # Q09
    cancel_of_running: CancelOfRunning = CancelOfRunning.EVENT_BATCH  # Q10
    list_order: ListOrder = ListOrder.NEWEST_FIRST  # Q11
    framing: Framing = Framing.FULL  # Q12
    finished_stream: FinishedStream = FinishedStream.REPLAYS  # Q13
    stream_end: StreamEnd = StreamEnd.CLOSES  # Q14
    missing_step_key: MissingStepKey = MissingStepKey.INVALID  # Q15
    unknown_step_key: UnknownStepKey = UnknownStepKey.NOT_FOUND  # Q16
    absent_body: AbsentBody = AbsentBody.DEFAULTS  # Q17
    after_failed: AfterFailed = AfterFailed.SKIPPED  # Q18
    empty_fields: EmptyFields = EmptyFields.NULL  # Q19
    error_body: ErrorBody = ErrorBody.DETAIL  # Q20
    running_duration: RunningDuration = RunningDuration.NULL  # Q21
    success: Success = Success.OK  # Q22

    def answers(self) -> dict[str, str]:
        """The answer to each question, by its number."""
        return {question: str(getattr(self, name)) for question, name in QUESTIONS.items()}


QUESTIONS: dict[str, str] = {
    f"Q{number:02}": decision.name for number, decision in enumerate(fields(Behaviour), 1)
}
"""The name of the decision by the number of the question."""

_definitions: dict[str, Any] = {
    question: (Annotated[type(decision.default), Field(strict=False)], decision.default)
    for question, decision in zip(QUESTIONS, fields(Behaviour), strict=True)
}
Answers: Any = create_model("Answers", __base__=yaml_model.Model, **_definitions)


class BehaviourFile(yaml_model.Model):
    """A profile as it is written: what it is of, and the answers that differ or are confirmed."""

    summary: str
    answers: Answers = Field(default_factory=partial(Answers))

    def behaviour(self) -> Behaviour:
        """The answers by the names of the decisions."""
        return from_answers(self.answers)


class Question(yaml_model.Model):
    """An open question, and what each answer to it means."""

    question: str
    answers: dict[str, str]


class QuestionsFile(RootModel[dict[str, Question]]):
    """All of them, by number."""


def questions() -> dict[str, Question]:
    """The open questions in words, by number."""
    written, _ = yaml_model.load(resources.questions_file(), QuestionsFile)
    return written.root


def read(path: Path) -> Behaviour:
    """The behaviour in ``path``. Raises FileError."""
    written, _ = yaml_model.load(path, BehaviourFile)
    return written.behaviour()


def summary(path: Path) -> str:
    """What the behaviour in ``path`` is of. Raises FileError."""
    written, _ = yaml_model.load(path, BehaviourFile)
    return written.summary


def from_answers(answers: Answers) -> Behaviour:
    """Return the behaviour with these answers."""
    return Behaviour(**{name: getattr(answers, question) for question, name in QUESTIONS.items()})


def names() -> list[str]:
    """The profiles that come with the mock."""
    return sorted(file.stem for file in resources.behaviours_dir().glob("*.yaml"))


def find(name: str, directory: Path) -> Behaviour:
    """The behaviour of that name in ``directory``, or in the file of that path.

    Raises UsageError."""
    return read(locate(name, directory))


def locate(name: str, directory: Path) -> Path:
    """The file of the behaviour of that name in ``directory``, or the file of that path.

    Raises UsageError."""
    path = directory / f"{name}.yaml"
    if path.is_file():
        return path
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    there = ", ".join(sorted(file.stem for file in directory.glob("*.yaml")))
    raise UsageError(f"there is no behaviour {name!r}; there are: {there}, or name a .yaml file")
