"""How one check ended: what pytest carries from a worker to the front, so all of it is JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from conformance.errors import Finding, Inconclusive, OutOfTime, SetupError, Unsupported
from conformance.questions import Observation
from conformance.traffic import Exchange
from conformance.vocabulary import Level, Verdict

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Result:
    """One check's verdict; `exchanges` are its newest, `culprit` the number of the one that shows
    the fault. `in_passing`: the check is about something else, and saw this."""

    requirement: str
    check: str
    verdict: Verdict
    message: str = ""
    seconds: float = 0.0
    observations: tuple[Observation, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    culprit: int | None = None
    in_passing: bool = False

    @property
    def curl(self) -> str:
        """The command that shows the fault, if there is one."""
        return next((e.curl for e in self.exchanges if e.number == self.culprit), "")

    def to_json(self) -> dict[str, Any]:
        """Plain data, from which `from_json` makes the same result."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """The result that `to_json` was called on."""
        exchanges = tuple(Exchange(**e) for e in data["exchanges"])
        seen = tuple(
            Observation(**o | {"answers": tuple(o["answers"])}) for o in data["observations"]
        )
        verdict = Verdict(data["verdict"])
        return cls(**data | {"verdict": verdict, "exchanges": exchanges, "observations": seen})


def judge(
    fault: BaseException | None, level: Level, exchanges: list[Exchange]
) -> tuple[Verdict, str, int | None]:
    """The verdict on a check of a requirement of this level that ended with `fault` (None: it
    returned), with the reason and the exchange that shows it."""
    match fault:
        case None:
            return Verdict.PASS, "", None
        case Finding():
            weakest = max(level, fault.level or level, key=list(Level).index)
            verdict = Verdict.VIOLATION if weakest.gates else Verdict.DEVIATION
            last = exchanges[-1].number if exchanges else None
            return verdict, str(fault), fault.exchange or last
        case Inconclusive() | OutOfTime():
            return Verdict.INCONCLUSIVE, str(fault), None
        case Unsupported():
            return Verdict.UNSUPPORTED, str(fault), None
        case SetupError():
            return Verdict.ERROR, f"set-up: {fault}", None
        case _:
            return Verdict.ERROR, f"the kit failed: {type(fault).__name__}: {fault}", None
