"""The results of an exam: a verdict for each item, and the conclusion."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mock_server import __version__
from mock_server.engine.run_state import Json
from mock_server.exam.catalogue import CONTRACT, Item
from mock_server.exam.verdict import Level, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one item: after how many real seconds, with the requests that the client has
    sent, its exit code and the end of its output."""

    item: Item
    verdict: Verdict
    seconds: float = 0.0
    sent: Sequence[Json] = ()
    exit_code: int | None = None
    output: str = ""
    contract: str | None = None

    @property
    def group(self) -> str:
        """The part of the id before the number."""
        return self.item.id.rpartition("-")[0]

    def to_json(self) -> Json:
        """Return it as in the JSON report."""
        return {
            "id": self.item.id,
            "level": self.item.level,
            "statement": self.item.statement,
            "situation": self.item.meets,
            **self.verdict.to_json(),
            "seconds": round(self.seconds, 3),
            "sent": list(self.sent),
            "exitCode": self.exit_code,
            "output": self.output,
        }


@dataclass(slots=True)
class ExamResults:
    """All results of one client. In a ``strict`` exam a SHOULD counts as a MUST, and an item that
    was not judged as a failed one."""

    client: str
    strict: bool = False
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """Add a result, in the order of ids in the catalogue."""
        self.results.append(result)

    def conclude(self, order: Sequence[Item], seconds: float) -> None:
        """Put the results in order; judge the item of the contract from all of them."""
        self.seconds = seconds
        positions = {item.id: position for position, item in enumerate(order)}
        self.results.sort(key=lambda one: positions[one.item.id])
        found = [one for one in self.results if one.contract is not None]
        for index, one in enumerate(self.results):
            if one.item.id == CONTRACT and found:
                reason = f"in the situation of {found[0].item.id}: {found[0].contract}"
                if len(found) > 1:
                    reason += f" (and in {len(found) - 1} more)"
                self.results[index] = replace(one, verdict=Verdict(Outcome.FAILED, reason))

    def is_failure(self, result: Result) -> bool:
        """Return whether a result fails the exam."""
        match result.verdict.outcome:
            case Outcome.FAILED:
                return self.strict or result.item.level is Level.MUST
            case Outcome.NOT_JUDGED:
                return self.strict
            case _:
                return False

    @property
    def counts(self) -> dict[Outcome, int]:
        """The number of items by outcome."""
        counted = Counter(one.verdict.outcome for one in self.results)
        return {outcome: counted[outcome] for outcome in Outcome}

    @property
    def exit_code(self) -> int:
        """Return 0 for a client that passes, 1 for one that fails, 2 without a verdict."""
        counts = self.counts
        if counts[Outcome.ERROR] or not counts[Outcome.PASSED] + counts[Outcome.FAILED]:
            return 2
        return int(any(map(self.is_failure, self.results)))

    @property
    def conclusion(self) -> str:
        """The verdict in one word or two."""
        return ("passed", "failed", "no verdict")[self.exit_code]

    @property
    def summary(self) -> str:
        """The conclusion and the counts on one line."""
        counts = ", ".join(f"{n} {outcome}" for outcome, n in self.counts.items() if n)
        return f"{self.conclusion}: {counts or 'nothing judged'} in {self.seconds:.1f} s"

    def to_json(self) -> Json:
        """Return the JSON report."""
        return {
            "format": 1,
            "version": __version__,
            "client": self.client,
            "strict": self.strict,
            "conclusion": self.conclusion,
            "exitCode": self.exit_code,
            "seconds": round(self.seconds, 3),
            "counts": {str(outcome): n for outcome, n in self.counts.items()},
            "items": [one.to_json() for one in self.results],
        }
