"""Turn how a check ended into results: its own, and those of requirements that hold for every
response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.errors import Inconclusive, NoResponse, Outcome, SetupError
from conformance.harness.context import CheckContext
from conformance.results.failure import FAILED, traffic_of
from conformance.results.result import SHOWN, SHOWN_OF_PASS, Judgement, Result, judge
from conformance.results.run_history import to_history
from conformance.runner.session import Session
from conformance.vocabulary import Untested, Verdict

_UNAUTHENTICATED = 401


class Judging:
    """The judgement of one session's checks, one after the other.

    `unreachable_since` is the requirement whose check lost the target or the credential, `problem`
    says so; both are empty as long as the target responds and accepts the credential.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first_exchange = 0
        self._context: CheckContext | None = None
        self._exchanges: list[Exchange] = []
        self.unreachable_since = ""
        self.problem = ""

    def begin(self) -> None:
        """Count requests from here on to the next check."""
        self._first_exchange = self._session.traffic.count
        # Work that began early used observations that are not the next check's.
        self._session.cache.used()

    def begin_again(self) -> None:
        """Forget the observations of the check: it is run once more."""
        self.begin()
        if self._context is not None:
            self._context.observations.clear()

    def new_context(self) -> CheckContext:
        """Return the context of the next check."""
        self.begin()
        self._context = self._session.context()
        return self._context

    def results(
        self, required: Requirement, name: str, fault: BaseException | None, seconds: float
    ) -> list[Result]:
        """Return the result of the check, and after it the incidental ones."""
        own = self._own(required, name, fault, seconds)
        return [own, *self._incidental(own)]

    def _own(
        self, required: Requirement, name: str, fault: BaseException | None, seconds: float
    ) -> Result:
        session = self._session
        if isinstance(fault, KeyboardInterrupt):
            fault = Inconclusive("it was interrupted", reason=Untested.INTERRUPTED)
        if isinstance(fault, NoResponse | SetupError) and not session.alive():
            # It is not known whether this request brought it down; no run can be had without it.
            self.problem = f"the target does not respond any more since {name} ({required.id})"
            self.unreachable_since = required.id
            fault = Inconclusive(f"{self.problem}: {fault}", reason=Untested.LOST)
        exchanges = session.traffic.since(self._first_exchange)
        if self._may_have_expired(fault, exchanges) and session.credential_expired():
            self.problem = f"the credential expired during {name} ({required.id})"
            self.unreachable_since = required.id
            fault = Inconclusive(
                f"{self.problem}: provide one that is valid for the whole run",
                reason=Untested.EXPIRED,
            )
        found = judge(fault, required, exchanges)
        reason = found.reason
        if reason is Untested.PRECONDITION and not session.provisioner.unlimited:
            # Runs that are found and not made show only the states that they happen to be in.
            reason = Untested.OUT_OF_REACH
        newest = exchanges[-(SHOWN_OF_PASS if found.verdict is Verdict.PASS else SHOWN) :]
        kept = [e for e in exchanges if e.number == found.failing_exchange or e in newest]
        context, self._context = self._context, None
        self._exchanges = self._with_observed(exchanges)
        return Result(
            requirement=required.id,
            check=name,
            verdict=found.verdict,
            message=session.redactor.text(found.message),
            seconds=round(seconds, 3),
            observations=tuple(context.observations) if context else (),
            exchanges=tuple(kept),
            failing_exchange=found.failing_exchange,
            caused_by=found.caused_by,
            contract_location=found.contract_location,
            runs=self._new_histories(),
            reason=reason,
            requests=session.traffic.count - self._first_exchange,
            waited_for=fault.waited_for if isinstance(fault, Outcome) else "",
            traffic=self._traffic(found, self._exchanges),
        )

    def _with_observed(self, exchanges: Sequence[Exchange]) -> list[Exchange]:
        """Return the exchanges of the check and, before them, those of the observations that it
        shares with earlier checks."""
        used = self._session.cache.used() - {e.number for e in exchanges}
        if not used:
            return list(exchanges)
        return [*(e for e in self._session.traffic.since(0) if e.number in used), *exchanges]

    def _traffic(self, found: Judgement, exchanges: Sequence[Exchange]) -> dict[str, Any] | None:
        session = self._session
        wanted = found.verdict in FAILED or session.settings.selection is not None
        if not session.settings.complete_traffic or not wanted:
            return None
        return traffic_of(exchanges, found.failing_exchange, session.traffic, session.state_of)

    def _may_have_expired(self, fault: BaseException | None, exchanges: Sequence[Exchange]) -> bool:
        """Whether the check ended after a 401, its own or that of the set-up or the fuzzer."""
        if fault is None or self.unreachable_since:
            return False
        rejected = any(exchange.status == _UNAUTHENTICATED for exchange in exchanges)
        return rejected or str(_UNAUTHENTICATED) in str(fault)

    def _incidental(self, result: Result) -> list[Result]:
        found: list[Result] = []
        session = self._session
        for name, finding in session.monitor.take().items():
            # A check reports its own requirement itself, if it came to a finding.
            if name == result.requirement and result.verdict in (
                Verdict.VIOLATION,
                Verdict.DEVIATION,
            ):
                continue
            # It may be from before the check: the target was tried out.
            exchanges = session.traffic.since(0)
            judged = judge(finding, session.catalogue[name], exchanges)
            found.append(
                Result(
                    requirement=name,
                    check=result.check,
                    verdict=judged.verdict,
                    message=session.redactor.text(judged.message),
                    exchanges=tuple(e for e in exchanges if e.number == judged.failing_exchange),
                    failing_exchange=judged.failing_exchange,
                    caused_by=judged.caused_by,
                    contract_location=judged.contract_location,
                    incidental=True,
                    check_of=result.requirement,
                    traffic=self._traffic(judged, self._exchanges),
                )
            )
        return found

    def _new_histories(self) -> tuple[dict[str, Any], ...]:
        """Return the histories that the check that has just ended was the first to see."""
        news = self._session.cache.news()
        runs = (to_history(name, seen) for name, seen in news.items())
        return tuple(self._session.redactor.data(run) for run in runs if run is not None)
