"""Collect the judgements on traffic: which requirements were exercised, and each failure once, with
the exchange that shows it and how often it was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.catalogue.requirements import Catalogue, Requirement
from conformance.client.recorder import Exchange
from conformance.errors import CheckFailed
from conformance.redaction import Redactor
from conformance.results.result import Result, judge
from conformance.vocabulary import UUID, Untested, Verdict

MAX_FINDINGS = 5
_VARYING = re.compile(rf"{UUID}|\d+", re.IGNORECASE)


@dataclass(slots=True)
class Finding:
    """One failure of a requirement, with its first exchange, how often it was seen, and the end of
    the latest exchange."""

    requirement: Requirement
    failure: CheckFailed
    message: str
    exchange: Exchange
    count: int = 1

    @property
    def verdict(self) -> Verdict:
        """Whether it is a violation or a deviation."""
        return judge(self.failure, self.requirement, [self.exchange]).verdict


class Findings:
    """The judgements by one catalogue. `on_new` is called with each finding when it is first
    seen."""

    def __init__(
        self, catalogue: Catalogue, on_new: Callable[[Finding], None] | None = None
    ) -> None:
        self._catalogue = catalogue
        self._on_new = on_new or (lambda finding: None)
        self._met: dict[str, Exchange] = {}
        self._found: dict[str, dict[str, Finding]] = {}
        self._more: dict[str, int] = {}

    def take(
        self,
        judgements: Iterable[tuple[str, CheckFailed | None]],
        exchange: Callable[[], Exchange],
        redactor: Callable[[], Redactor],
    ) -> None:
        """Add judgements on one exchange, which is asked for only if it is kept."""
        for name, failure in judgements:
            if failure is not None:
                self._fail(name, failure, exchange, redactor)
            elif name not in self._met:
                self._met[name] = exchange()

    @property
    def exercised(self) -> int:
        """How many requirements were exercised."""
        return len(self._met.keys() | self._found.keys())

    @property
    def count(self) -> int:
        """How many failures were seen."""
        return sum(each.count for found in self._found.values() for each in found.values()) + sum(
            self._more.values()
        )

    def results(self) -> list[Result]:
        """Return the results of all requirements, those that were not exercised among them."""
        return [
            result for each in self._catalogue.requirements.values() for result in self._of(each)
        ]

    def _fail(
        self,
        name: str,
        failure: CheckFailed,
        exchange: Callable[[], Exchange],
        redactor: Callable[[], Redactor],
    ) -> None:
        found = self._found.setdefault(name, {})
        key = _VARYING.sub("*", str(failure))[:300]
        if key in found:
            found[key].count += 1
        elif len(found) >= MAX_FINDINGS:
            self._more[name] = self._more.get(name, 0) + 1
        else:
            kept = exchange()
            message = redactor().text(str(failure))
            finding = Finding(self._catalogue[name], failure, message, kept)
            found[key] = finding
            self._on_new(finding)

    def _of(self, required: Requirement) -> list[Result]:
        found = list(self._found.get(required.id, {}).values())
        if found:
            return [self._failed(required, each, n) for n, each in enumerate(found, 1)]
        if (exchange := self._met.get(required.id)) is not None:
            return [Result(required.id, "traffic", Verdict.PASS, exchanges=(exchange,))]
        return [
            Result(
                required.id,
                "traffic",
                Verdict.INCONCLUSIVE,
                "not exercised by the observed traffic",
                reason=Untested.NOT_EXERCISED,
            )
        ]

    def _failed(self, required: Requirement, finding: Finding, number: int) -> Result:
        judged = judge(finding.failure, required, [finding.exchange])
        count = finding.count + (self._more.get(required.id, 0) if number == MAX_FINDINGS else 0)
        times = f" (seen {count} times)" if count > 1 else ""
        return Result(
            requirement=required.id,
            check=f"traffic {number}",
            verdict=judged.verdict,
            message=f"{finding.message}{times}",
            exchanges=(finding.exchange,),
            failing_exchange=finding.exchange.number,
            contract_location=judged.contract_location,
            requests=count,
        )
