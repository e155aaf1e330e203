"""Record the questions that the reference leaves open, and the target's behaviour on each.

A check observes behaviour and lists the known answers that it leaves possible. The one that all
checks leave possible is the target's; if none is left, the observations contradict each other or
fit no known answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.yaml_file import parse
from conformance.resources import questions_file


@dataclass(frozen=True, slots=True)
class Question:
    """One open question; `answers` explains each known answer, the contract's own first."""

    number: str
    text: str
    answers: Mapping[str, str]

    @property
    def default(self) -> str:
        """Return the contract's own answer."""
        return next(iter(self.answers))


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation of a check on a question: the known answers that it leaves possible, if any.

    `exchange` is the number of the exchange that shows it.
    """

    question: str
    answers: tuple[str, ...]
    observed: str
    exchange: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedObservation:
    """An observation and the check that made it."""

    requirement: str
    check: str
    observation: Observation

    def to_json(self) -> dict[str, Any]:
        """The sighting as the report has it."""
        seen = self.observation
        return {
            "requirement": self.requirement,
            "check": self.check,
            "answers": list(seen.answers),
            "observed": seen.observed,
            "exchange": seen.exchange,
        }


@dataclass(frozen=True, slots=True)
class ObservedAnswer:
    """All that was seen of one question."""

    question: Question
    records: tuple[RecordedObservation, ...]

    @property
    def possible(self) -> tuple[str, ...]:
        """Return the known answers that all observations leave possible."""
        return tuple(
            answer
            for answer in self.question.answers
            if all(answer in each.observation.answers for each in self.records)
        )

    @property
    def answer(self) -> str | None:
        """Return the only possible answer; None if several or none are possible."""
        return self.possible[0] if len(self.possible) == 1 else None

    @property
    def unknown(self) -> tuple[RecordedObservation, ...]:
        """Return the observations that fit none of the known answers."""
        return tuple(each for each in self.records if not each.observation.answers)

    @property
    def contradictory(self) -> bool:
        """Return whether each observation fits a known answer, and none fits them all."""
        return not self.possible and not self.unknown

    def to_json(self) -> dict[str, Any]:
        """Return the observations as the report has them."""
        return {
            "answer": self.answer,
            "possible": list(self.possible),
            "contradictory": self.contradictory,
            "evidence": [each.to_json() for each in self.records],
        }


def load(file: Path | None = None) -> dict[str, Question]:
    """The open questions by number, from the file, by default the project's own."""
    written: dict[str, dict[str, Any]] = parse(
        (file or questions_file()).read_text(encoding="utf-8")
    )
    return {
        number: Question(number, entry["question"], dict(entry["answers"]))
        for number, entry in written.items()
    }


def observed_answers(
    questions: Mapping[str, Question], records: Iterable[RecordedObservation]
) -> dict[str, ObservedAnswer]:
    """Return the observations of each question that has any, in the order of the questions."""
    seen: dict[str, list[RecordedObservation]] = {}
    for each in records:
        kept = seen.setdefault(each.observation.question, [])
        if each not in kept:
            kept.append(each)
    return {n: ObservedAnswer(q, tuple(seen[n])) for n, q in questions.items() if n in seen}
