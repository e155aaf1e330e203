"""What the reference leaves open, and how the target was seen to answer it. A check looks at
behaviour and says which of the known answers it leaves possible; what all checks leave possible is
the target's answer, and where that is none, what they saw contradicts itself or is unheard of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.contract.yaml_file import parse
from conformance.resources import questions_file


@dataclass(frozen=True, slots=True)
class Question:
    """One open question; `answers` says what each known answer means, the contract's own first."""

    number: str
    text: str
    answers: Mapping[str, str]

    @property
    def default(self) -> str:
        """The contract's own answer."""
        return next(iter(self.answers))


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check saw of a question: the known answers that it leaves possible, or none where it
    was something else. `exchange` is the number of the exchange that shows it."""

    question: str
    answers: tuple[str, ...]
    observed: str
    exchange: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedObservation:
    """An observation and who made it."""

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
        """The known answers that everything seen leaves possible."""
        return tuple(
            answer
            for answer in self.question.answers
            if all(answer in each.observation.answers for each in self.records)
        )

    @property
    def answer(self) -> str | None:
        """The answer, if it is one."""
        return self.possible[0] if len(self.possible) == 1 else None

    @property
    def unknown(self) -> tuple[RecordedObservation, ...]:
        """The observations that fit none of the known answers."""
        return tuple(each for each in self.records if not each.observation.answers)

    @property
    def contradictory(self) -> bool:
        """Whether each sighting fits a known answer, and no answer fits them all."""
        return not self.possible and not self.unknown

    def to_json(self) -> dict[str, Any]:
        """The question's answer as the report has it."""
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
    """What was seen of each question, in the order of the questions; those that nothing was seen of
    are left out."""
    seen: dict[str, list[RecordedObservation]] = {}
    for each in records:
        kept = seen.setdefault(each.observation.question, [])
        if each not in kept:
            kept.append(each)
    return {n: ObservedAnswer(q, tuple(seen[n])) for n, q in questions.items() if n in seen}
