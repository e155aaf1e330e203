"""Compare a replay with the failure that it repeats: whether it still fails, and which of the
recorded requests were sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from conformance.results.failure import FAILED, run_ids
from conformance.results.failure_file import FailedCheck, FailureFile
from conformance.results.report import Report
from conformance.results.result import Result
from conformance.vocabulary import Verdict

# Of the requests that were not sent again.
_MAX_NAMED = 3
_MAX_SHOWN = 200
# Headers that every request has, or that carry a credential, under names of their own choice.
_COMPARED_HEADERS = frozenset({"accept", "content-type", "last-event-id", "prefer"})
Exchanges = Sequence[Mapping[str, Any]]


class ReplayCode(IntEnum):
    """The exit codes of a replay."""

    FIXED = 0
    STILL_FAILS = 1
    UNDECIDED = 2


_WORDS = {
    ReplayCode.FIXED: "no longer fails",
    ReplayCode.STILL_FAILS: "still fails",
    ReplayCode.UNDECIDED: "cannot be judged",
}


@dataclass(frozen=True, slots=True)
class CheckReplay:
    """How one check went this time: the code, its message, how many different requests were
    recorded, how many of them were sent again, and those that were not. `comparable` is False where
    the requests are not recorded one by one."""

    check: FailedCheck
    code: ReplayCode
    message: str
    recorded: int = 0
    repeated: int = 0
    missing: tuple[str, ...] = ()
    comparable: bool = True

    @property
    def lines(self) -> list[str]:
        """The outcome in words."""
        found = [
            f"{self.check.name}: {_WORDS[self.code]}" + (f": {self.message}" * bool(self.message))
        ]
        if not self.comparable:
            found.append("  Its requests were generated again from the recorded seed.")
        elif self.recorded:
            found.append(f"  {self.repeated} of {self.recorded} recorded requests were sent again.")
            found += [f"  not sent: {each}" for each in self.missing[:_MAX_NAMED]]
        return found


@dataclass(frozen=True, slots=True)
class Replay:
    """How all checks of a failure went this time."""

    checks: tuple[CheckReplay, ...]

    @property
    def code(self) -> ReplayCode:
        """The exit code: one check that still fails decides, then one that cannot be judged."""
        codes = {each.code for each in self.checks}
        order = (ReplayCode.STILL_FAILS, ReplayCode.UNDECIDED, ReplayCode.FIXED)
        return next(code for code in order if code in codes)

    @property
    def conclusion(self) -> str:
        """The exit code in words."""
        return _WORDS[self.code]


def compare(failure: FailureFile, report: Report) -> Replay:
    """Return how the checks of the failure went in the run that the report is of."""
    return Replay(tuple(_compare(failure, check, report) for check in failure.checks))


def gaps(exchanges: Exchanges, longest: float) -> tuple[float, ...]:
    """Return the seconds before each request since the one before, none longer than `longest`."""
    times = sorted(float(each["at"]) for each in exchanges)
    pairs = zip(times[:1] + times, times, strict=False)
    return tuple(min(after - before, longest) for before, after in pairs)


def _compare(failure: FailureFile, check: FailedCheck, report: Report) -> CheckReplay:
    own = _result(report, check.requirement, check.name)
    about = _result(report, failure.requirement, check.name)
    traffic = next((each.traffic for each in (own, about) if each and each.traffic), None)
    if own is None or traffic is None:
        why = report.problem or "this version of the kit has no such check"
        return CheckReplay(check, ReplayCode.UNDECIDED, why)
    before = _requests(check.exchanges, failure.base_url, traffic["exchanges"])
    after = set(_requests(traffic["exchanges"], report.base_url, check.exchanges).values())
    failing = before.get(check.failing_exchange or 0)
    distinct = dict.fromkeys(before.values())
    missing = tuple(each for each in distinct if each not in after)
    comparable = not check.requirement.startswith("FUZZ-")
    incidental = check.requirement != failure.requirement
    if about is not None and about.verdict in FAILED:
        code, message = ReplayCode.STILL_FAILS, about.message
    elif incidental and comparable and failing in missing:
        code, message = ReplayCode.UNDECIDED, "the failing request was not sent again"
    elif own.verdict is Verdict.PASS or (incidental and own.verdict in FAILED):
        code, message = ReplayCode.FIXED, ""
    else:
        code, message = ReplayCode.UNDECIDED, f"{own.verdict.value}: {own.message}"
    counts = len(distinct), len(distinct) - len(missing)
    return CheckReplay(check, code, message, *counts, missing, comparable)


def _result(report: Report, requirement: str, check: str) -> Result | None:
    found = (
        result
        for entry in report.entries
        if entry.requirement.id == requirement
        for result in entry.results
        if result.check == check
    )
    return min(found, key=lambda result: result.verdict.rank, default=None)


def _requests(exchanges: Exchanges, base_url: str, others: Exchanges) -> dict[int, str]:
    """Return the requests by their number, with a name for each run that only these have, in the
    order in which they come. Repetitions, as of a poll, are equal."""
    ids, shared = _ids(exchanges), set(_ids(others))
    names = {
        run_id: f"{{run {n}}}" for n, run_id in enumerate((i for i in ids if i not in shared), 1)
    }
    # A recorded URL may be one that urlsplit rejects.
    host = base_url.partition("://")[2].partition("/")[0]
    found: dict[int, str] = {}
    for exchange in exchanges:
        headers = {name.lower() for name in exchange["requestHeaders"]} & _COMPARED_HEADERS
        place = exchange["url"].removeprefix(base_url.rstrip("/"))
        body = str(exchange["requestBody"] or "")
        body = body.replace(host, "{host}") if host else body
        text = " ".join(filter(None, (exchange["method"], place, *sorted(headers), body)))
        for run_id, name in names.items():
            text = text.replace(run_id, name)
        found[exchange["number"]] = text[:_MAX_SHOWN]
    return found


def _ids(exchanges: Exchanges) -> list[str]:
    ordered = sorted(exchanges, key=lambda each: float(each["at"]))
    every: Iterable[str] = (i for each in ordered for i in run_ids(each["url"]))
    return list(dict.fromkeys(every))
