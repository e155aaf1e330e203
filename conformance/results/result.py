"""Judge how one check ended. pytest carries the result from a worker to the controller, so all of
it is JSON."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from conformance.catalogue.open_questions import Observation
from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.errors import (
    CheckFailed,
    DeadlineExceeded,
    Inconclusive,
    Outcome,
    SetupError,
    Unsupported,
)
from conformance.vocabulary import Level, Untested, Verdict

SHOWN = 12
SHOWN_OF_PASS = 2


@dataclass(frozen=True, slots=True)
class Result:
    """One check's verdict. `exchanges` are its newest, `failing_exchange` the number of the one
    that shows the failure, `caused_by` the requirement that covers it if that is another,
    `contract_location` the place not met, `runs` the observed histories, `reason` why it is
    inconclusive, `requests` the number of requests, `waited_for` the transition of a run that did
    not come, `position` the place of the check in the run. `incidental`: the check is about another
    requirement, `check_of`. `traffic` are all of its exchanges with their contents, where they are
    kept."""

    requirement: str
    check: str
    verdict: Verdict
    message: str = ""
    seconds: float = 0.0
    observations: tuple[Observation, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    failing_exchange: int | None = None
    incidental: bool = False
    caused_by: str = ""
    contract_location: str = ""
    runs: tuple[dict[str, Any], ...] = ()
    reason: Untested | None = None
    requests: int = 0
    waited_for: str = ""
    position: int = 0
    check_of: str = ""
    traffic: dict[str, Any] | None = None

    @property
    def curl(self) -> str:
        """The command that shows the fault, if there is one."""
        return next((e.curl for e in self.exchanges if e.number == self.failing_exchange), "")

    def to_json(self) -> dict[str, Any]:
        """Plain data, from which `from_json` makes the same result."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """The result that `to_json` was called on."""
        exchanges = tuple(
            Exchange(**e | {"curl_options": tuple(e["curl_options"])}) for e in data["exchanges"]
        )
        seen = tuple(
            Observation(**o | {"answers": tuple(o["answers"])}) for o in data["observations"]
        )
        verdict = Verdict(data["verdict"])
        return cls(
            **data
            | {
                "verdict": verdict,
                "exchanges": exchanges,
                "observations": seen,
                "runs": tuple(data["runs"]),
                "reason": Untested(data["reason"]) if data["reason"] else None,
            }
        )


def amend(result: Result, came_late: Collection[str]) -> Result:
    """Return the result, inconclusive if it fails only for a transition that came late: after the
    kit had given up waiting."""
    if result.waited_for not in came_late or result.verdict not in (
        Verdict.VIOLATION,
        Verdict.DEVIATION,
    ):
        return result
    return replace(
        result,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{result.message}; it came later: provide quicker runs",
        failing_exchange=None,
        reason=Untested.PRECONDITION,
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict that the end of a check means, with its reason, the exchange that shows it, the
    requirement that covers it, and the place in the contract."""

    verdict: Verdict
    message: str = ""
    failing_exchange: int | None = None
    caused_by: str = ""
    contract_location: str = ""
    reason: Untested | None = None


def judge(
    fault: BaseException | None, required: Requirement, exchanges: Sequence[Exchange]
) -> Judgement:
    """The verdict on a check of this requirement that ended with `fault` (None: it returned)."""
    caused_by = fault.caused_by if isinstance(fault, Outcome) else ""
    caused_by = "" if caused_by == required.id else caused_by
    message = f"{fault} (see {caused_by})" if caused_by else str(fault)
    match fault:
        case None:
            return Judgement(Verdict.PASS)
        case CheckFailed():
            level = required.level
            weakest = max(level, fault.level or level, key=list(Level).index)
            verdict = Verdict.VIOLATION if weakest.gates else Verdict.DEVIATION
            if level.gates and not weakest.gates:
                message += f" (the evidence is {weakest.value} here, so this is a deviation)"
            last = exchanges[-1].number if exchanges else None
            return Judgement(
                verdict, message, fault.exchange or last, caused_by, fault.contract_location
            )
        case Inconclusive() | DeadlineExceeded():
            reason = fault.reason if isinstance(fault, Inconclusive) else Untested.BUDGET
            return Judgement(Verdict.INCONCLUSIVE, message, caused_by=caused_by, reason=reason)
        case Unsupported():
            return Judgement(Verdict.UNSUPPORTED, message)
        case SetupError():
            return Judgement(Verdict.ERROR, f"set-up: {message}")
        case _:
            return Judgement(
                Verdict.ERROR, f"internal error of the kit: {type(fault).__name__}: {message}"
            )
