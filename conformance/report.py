"""The outcome of a whole run: a verdict for each requirement, what was observed, and what the
command exits with. This is also what the JSON report says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance import __version__
from conformance.catalogue import Requirement
from conformance.fuzz.effort import Effort
from conformance.questions import Answered
from conformance.result import Result
from conformance.vocabulary import ExitCode, State, Verdict

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement with the results of its checks; the worst of them is its verdict."""

    requirement: Requirement
    results: tuple[Result, ...]

    @property
    def worst(self) -> Result:
        """The result that decides."""
        return min(self.results, key=lambda result: result.verdict.rank)

    @property
    def verdict(self) -> Verdict:
        """What is known of the requirement."""
        return self.worst.verdict

    def to_json(self) -> dict[str, Any]:
        """The entry as the report has it."""
        r = self.requirement
        return {
            "id": r.id,
            "statement": r.statement,
            "level": r.level.value,
            "operation": r.operation.value if r.operation else None,
            "source": r.source,
            "question": r.question,
            "verdict": self.verdict.value,
            "message": self.worst.message,
            "curl": self.worst.curl,
            "checks": [
                {
                    "name": result.check,
                    "verdict": result.verdict.value,
                    "message": result.message,
                    "seconds": result.seconds,
                    "culprit": result.culprit,
                    "exchanges": [e.to_json() for e in result.exchanges],
                }
                for result in self.results
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Entries in the catalogue's order. `trouble` says why the run is not whole, if it is not."""

    base_url: str
    contract: str
    provisioner: str
    states: Mapping[State, str]
    entries: tuple[Entry, ...]
    strict: bool
    started: str
    seconds: float
    trouble: str = ""
    interrupted: bool = False
    observations: Mapping[str, Answered] = field(default_factory=dict)
    fuzz: Effort = field(default_factory=Effort)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many requirements have each verdict; all verdicts are there."""
        found = Counter(entry.verdict for entry in self.entries)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def exit_code(self) -> ExitCode:
        """What the command exits with: a violation outweighs trouble, trouble a clean sheet."""
        counts = self.counts
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if counts[Verdict.VIOLATION] or (self.strict and counts[Verdict.DEVIATION]):
            return ExitCode.NOT_CONFORMANT
        if self.trouble or counts[Verdict.ERROR] or not self.exercised:
            return ExitCode.NO_VERDICT
        return ExitCode.CONFORMANT

    @property
    def exercised(self) -> int:
        """How many requirements were put to the test and answered."""
        return sum(self.counts[v] for v in (Verdict.PASS, Verdict.DEVIATION, Verdict.VIOLATION))

    @property
    def conclusion(self) -> str:
        """The exit code in words."""
        match self.exit_code:
            case ExitCode.CONFORMANT:
                return "conformant"
            case ExitCode.NOT_CONFORMANT:
                return "not conformant"
            case ExitCode.INTERRUPTED:
                return "interrupted"
            case _:
                return "no verdict"

    def to_json(self) -> dict[str, Any]:
        """The report as it is published: see report.schema.json."""
        return {
            "format": FORMAT,
            "kit": __version__,
            "contract": self.contract,
            "baseUrl": self.base_url,
            "started": self.started,
            "seconds": self.seconds,
            "strict": self.strict,
            "fuzz": {"cases": self.fuzz.cases, "seed": self.fuzz.seed},
            "conclusion": self.conclusion,
            "exitCode": int(self.exit_code),
            "trouble": self.trouble,
            "counts": {verdict.value: n for verdict, n in self.counts.items()},
            "provisioner": self.provisioner,
            "states": {state.value: why for state, why in self.states.items()},
            "observations": {q: seen.to_json() for q, seen in self.observations.items()},
            "requirements": [entry.to_json() for entry in self.entries],
        }


def entries_from(
    requirements: Iterable[Requirement], results: Iterable[Result]
) -> tuple[Entry, ...]:
    """The results by requirement, in the order of the requirements; those without are left out."""
    by_id: dict[str, list[Result]] = {}
    for result in results:
        by_id.setdefault(result.requirement, []).append(result)
    return tuple(Entry(r, tuple(by_id[r.id])) for r in requirements if r.id in by_id)
