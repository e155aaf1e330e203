"""The items of the exam: what a client must or should do, in which situation, and how it is judged.

They stand in ``catalogue.yaml``. A judgement is a function of ``judgements``, named there with its
parameters.
"""

import inspect
from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, RootModel, model_validator

from mock_server import yaml_model
from mock_server.engine.run_state import Json
from mock_server.errors import UsageError, unknown_name
from mock_server.exam.evidence import Evidence
from mock_server.exam.judgements import JUDGEMENTS
from mock_server.exam.situation import Situation
from mock_server.exam.verdict import Level, Verdict

CONTRACT = "CONTRACT-01"
"""The item about the requests of a client as such, which is judged in every situation."""


class Task(StrEnum):
    """What the client is asked to do in a situation."""

    FOLLOW = "follow"
    SHOW = "show"
    LIST = "list"
    CANCEL = "cancel"
    RETRY = "retry"

    @property
    def instruction(self) -> str:
        """What the client is to do and to report."""
        return _INSTRUCTIONS[self]


_INSTRUCTIONS = {
    Task.FOLLOW: "Follow the run until it ends. Report each event, or each status, as it is shown.",
    Task.SHOW: "Read the run and its steps. Report its status, or the error.",
    Task.LIST: "List all runs. Report their ids.",
    Task.CANCEL: "Cancel the run. Report its status, or the error.",
    Task.RETRY: "Retry the run. Report its status, or the error.",
}


class JudgedFrom(StrEnum):
    REQUESTS = "requests"
    REPORTS = "reports"
    CREDENTIAL = "requests and the credential URL"


class Judgement(yaml_model.Model):
    """A function of ``judgements`` and its parameters."""

    by: str
    parameters: dict[str, Any] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _exists(self) -> Self:
        function = JUDGEMENTS.get(self.by)
        if function is None:
            raise ValueError(unknown_name("by", self.by, JUDGEMENTS))
        names = set(inspect.signature(function).parameters) - {"evidence"}
        if names != self.parameters.keys():
            raise ValueError(
                f"with: {self.by} takes {', '.join(sorted(names)) or 'no parameters'}, got "
                f"{', '.join(sorted(self.parameters)) or 'none'}"
            )
        return self


class Item(yaml_model.Model):
    """One item; ``id`` is its key in the file."""

    id: str = ""
    level: Annotated[Level, Field(strict=False)]
    statement: str
    reason: str
    task: Annotated[Task, Field(strict=False)]
    meets: str
    situation: Situation = Situation()
    judged: Judgement
    judged_from: Annotated[JudgedFrom, Field(strict=False, alias="from")]
    renewable: bool = Field(
        default=False, description="Whether a new credential ends the 401 of the situation."
    )

    def judge(self, evidence: Evidence) -> Verdict:
        """Return the verdict."""
        return JUDGEMENTS[self.judged.by](evidence, **self.judged.parameters)

    def to_json(self) -> Json:
        """Return it as in the control API."""
        return {
            "id": self.id,
            "level": self.level,
            "statement": self.statement,
            "reason": self.reason,
            "task": self.task,
            "instruction": self.task.instruction,
            "situation": self.meets,
            "judgedFrom": self.judged_from,
        }


class CatalogueFile(RootModel[dict[str, Item]]):
    """The items by id."""


def read(path: Path) -> dict[str, Item]:
    """Return the items in ``path`` by id. Raise FileError."""
    file, _ = yaml_model.load(path, CatalogueFile)
    return {key: item.model_copy(update={"id": key}) for key, item in file.root.items()}


@cache
def catalogue() -> dict[str, Item]:
    """Return the items of the exam by id, in the order of the file."""
    return read(Path(__file__).with_name("catalogue.yaml"))


def select(patterns: Sequence[str]) -> list[Item]:
    """Return the items whose ids match one of the patterns; all without patterns.

    Raise UsageError for a pattern that matches none.
    """
    items = catalogue()
    for pattern in patterns:
        if not any(fnmatchcase(item, pattern.upper()) for item in items):
            raise UsageError(unknown_name("item", pattern, items))
    return [
        item
        for item in items.values()
        if not patterns or any(fnmatchcase(item.id, one.upper()) for one in patterns)
    ]
