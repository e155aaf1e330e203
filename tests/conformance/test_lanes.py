"""Checks that wait side by side, in threads: the same verdicts as one after the other, and limits
of time that hold in a thread as well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from backend_process import CONFIG, KEYS, serving_backend
from hypothesis import given
from hypothesis import strategies as st
from mutating_proxy import Proxy, serving
from support import MUTANTS, Judge

from conformance import deadline
from conformance.catalogue.requirements import load
from conformance.errors import DeadlineExceeded, Inconclusive, SetupError
from conformance.harness.cache import ObservationCache
from conformance.harness.markers import CheckInfo
from conformance.redaction import Redactor
from conformance.results.report import Report
from conformance.runner.check_results import Judging
from conformance.runner.lanes import Lanes, divide
from conformance.runner.selection import Overlap, SelectedCheck, overlapped
from conformance.runner.session import Session
from conformance.vocabulary import State, Untested, Verdict

SOME = ("CANCEL-09", "RETRY-03", "LIFE-03", "GET-02", "LIST-09")
IN_LANES = {"CANCEL-09", "RETRY-03", "LIFE-03"}


@pytest.fixture(scope="module")
def reports(judge: Judge) -> tuple[Report, Report]:
    """A backend in real time with a fault, tested with checks side by side and one at a time."""
    (mutant,) = (each for each in MUTANTS if each.name == "cancelled-without-date")
    environment = pytest.MonkeyPatch()
    for name, value in KEYS.items():
        environment.setenv(name, value)
    with serving_backend() as backend, serving(Proxy(backend, [mutant])) as address:
        base = f"{address}/{mutant.name}"
        given = {"config": str(CONFIG), "settle": "0.1s"}
        both = judge(base, *SOME, **given), judge(base, *SOME, sequential=True, **given)
    environment.undo()
    return both


def test_the_verdicts_are_the_same(reports: tuple[Report, Report]) -> None:
    """With the same checks, in the same order, and the failure has its command."""
    found = [
        [(e.requirement.id, e.verdict, [r.check for r in e.results]) for e in report.entries]
        for report in reports
    ]
    assert found[0] == found[1]
    for report in reports:
        failed = [e for e in report.entries if e.verdict is not Verdict.PASS]
        assert [e.requirement.id for e in failed] == ["CANCEL-09"]
        assert "curl" in failed[0].worst.curl
        assert report.problem == ""


def test_checks_that_wait_are_in_lanes(reports: tuple[Report, Report]) -> None:
    """Their exchanges have numbers of their own; one at a time, all are counted together."""
    for report, expected in zip(reports, (IN_LANES, set()), strict=True):
        numbers = {
            e.requirement.id: [x.number for r in e.results for x in r.exchanges]
            for e in report.entries
        }
        assert {name for name, each in numbers.items() if max(each) > 100_000} == expected
        listed = [number for each in numbers.values() for number in set(each)]
        assert len(listed) == len(set(listed))


def checks(*infos: CheckInfo) -> list[SelectedCheck]:
    """Selected checks with these descriptions."""
    names = [SimpleNamespace(name=str(n)) for n in range(len(infos))]
    return [
        # An item is known by its identity.
        SelectedCheck(info, cast(Any, _Item(name.name)), info.requirement.startswith("RETRY"))
        for info, name in zip(infos, names, strict=True)
    ]


class _Item:
    def __init__(self, name: str) -> None:
        self.name = name


def names_of(found: Any) -> list[str]:
    """The requirements of the checks."""
    return [check.info.requirement for check in found]


def test_which_checks_wait() -> None:
    """Those that change runs or want finished ones; the rest of an observation goes along. What
    counts runs is alone, with all that shares its observation."""
    found = overlapped(
        checks(
            CheckInfo("GET-01"),
            CheckInfo("GET-04", waits=True),
            CheckInfo("GET-12", shares="retried"),
            CheckInfo("HTTP-06", wants=[State.FAILS_ONCE]),
            CheckInfo("LIST-10", exclusive=True, shares="pages"),
            CheckInfo("LIST-04", shares="pages"),
            CheckInfo("RETRY-09"),
            CheckInfo("RETRY-13", exclusive=True, wants=[State.FAILS_ONCE]),
            CheckInfo("MODEL-01", shares="model", changes_runs=True),
            CheckInfo("FUZZ-FUZZING-LIST", shares="fuzz"),
        )
    )
    assert names_of(found.alone) == ["LIST-10", "LIST-04", "RETRY-13"]
    assert names_of(found.others) == ["GET-01", "MODEL-01"]
    waiting = ["GET-04", "GET-12", "HTTP-06", "RETRY-09", "FUZZ-FUZZING-LIST"]
    assert names_of(found.waiting) == waiting
    assert names_of(found.ordered) == [*names_of(found.alone), "GET-01", "MODEL-01", *waiting]


SHARES = st.sampled_from(["", "", "watched", "retried", "fuzz"])


@given(shares=st.lists(SHARES, max_size=40), count=st.integers(2, 6))
def test_every_check_is_in_one_lane(shares: list[str], count: int) -> None:
    """In its order, with all that share its observation; generated requests have their own."""
    selected = checks(*[CheckInfo("GET-01", shares=each) for each in shares])
    lanes = divide(selected, count)
    assert len(lanes) <= count
    assert sorted(id(c) for lane in lanes for c in lane) == sorted(map(id, selected))
    for lane in lanes:
        places = [selected.index(check) for check in lane]
        assert places == sorted(places)
    for name in {*shares} - {""}:
        (home,) = [lane for lane in lanes if any(c.info.shares == name for c in lane)]
        if name == "fuzz":
            assert {c.info.shares for c in home} == {"fuzz"}


class _Schedule:
    """A run whose budget is spent."""

    settings = SimpleNamespace(budget=5.0)
    left = 0.0
    problem = ""

    def add_problem(self, why: str) -> None:
        self.problem = why


def test_a_lane_is_not_waited_for_beyond_the_budget() -> None:
    """Its check was not tested, for want of time."""
    (check,), schedule = checks(CheckInfo("RETRY-09")), _Schedule()
    lanes = Lanes(cast(Any, None), cast(Any, schedule), Overlap([], [], [check]))
    with pytest.raises(Inconclusive, match="budget of 5 s was spent") as late:
        lanes.wait(check.item)
    assert late.value.reason is Untested.BUDGET
    assert schedule.problem == str(late.value)
    assert lanes.ended(check.item) is None


class _LateError(Exception):
    pass


def in_thread(body: Callable[[], object]) -> object:
    """What the body returns or raises in a thread in which limits hold."""
    found: list[object] = []

    def work() -> None:
        deadline.watch_this_thread()
        try:
            found.append(body())
        except BaseException as raised:
            found.append(raised)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]


def for_ever() -> None:
    """Busy without end, in steps."""
    while True:
        time.sleep(0.001)


def test_a_limit_holds_in_a_thread() -> None:
    """With its message and kind, the inner before the outer, and no longer than its body."""

    def body() -> object:
        with deadline.limit(60, "outer"):
            with (
                pytest.raises(_LateError, match="inner"),
                deadline.limit(0.01, "inner", _LateError),
            ):
                for_ever()
            assert 0 < deadline.left(0) <= 60
            with deadline.limit(120, "longer"):
                assert deadline.left(0) <= 60
        return deadline.left(7.0)

    assert in_thread(body) == 7.0
    late = in_thread(lambda: _limited(0.0))
    assert isinstance(late, DeadlineExceeded)
    assert str(late) == "late"


def _limited(seconds: float) -> None:
    with deadline.limit(seconds, "late"):
        for_ever()


def test_a_limit_that_ends_with_its_body_raises_nothing_later() -> None:
    """Whichever is first."""

    def body() -> int:
        raised = 0
        for _ in range(40):
            try:
                with deadline.limit(0.0002, "late", _LateError):
                    time.sleep(0.0002)
            except _LateError as late:
                raised += str(late) != "late"
        time.sleep(0.01)
        return raised

    assert in_thread(body) == 0


def test_a_run_that_cannot_be_created_since_the_target_is_gone() -> None:
    """The connection is lost, and the set-up is not at fault."""
    gone = SimpleNamespace(
        alive=lambda: False,
        traffic=SimpleNamespace(count=0, since=lambda number: []),
        redactor=Redactor(),
        monitor=SimpleNamespace(take=dict),
        cache=ObservationCache(),
        provisioner=SimpleNamespace(unlimited=True),
        settings=SimpleNamespace(selection=None, complete_traffic=False),
    )
    judging = Judging(cast(Session, gone))
    fault = SetupError("POST /trigger got no complete response")
    (result,) = judging.results(load()["RETRY-09"], "check", fault, 0.1)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, Untested.LOST)
    assert judging.unreachable_since == "RETRY-09"
    gone.alive = lambda: True
    (result,) = Judging(cast(Session, gone)).results(load()["RETRY-09"], "check", fault, 0.1)
    assert result.verdict is Verdict.ERROR
