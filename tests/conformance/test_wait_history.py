"""One broken thing costs one wait: what is learned from waits, by clocks and runs that are made up,
and by whole groups of checks against a backend that has one fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import stuck
from backend_process import CONFIG, KEYS, serving_backend
from mutating_proxy import Mutant, Proxy, serving
from support import Judge

from conformance.assertions.matchers import has_status, is_finished
from conformance.client.api import Api
from conformance.client.response import Response
from conformance.harness.polling import Poller, StatusPassed
from conformance.harness.wait_history import WaitHistory
from conformance.results.report import Report
from conformance.results.result import Result, amend
from conformance.vocabulary import State, Status, Untested, Verdict

PATIENCE = 60.0


class CountingClock:
    """A clock that counts the seconds that were waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def advance(self, seconds: float) -> float:
        """Let them go by."""
        self.seconds += seconds
        return seconds


def response_to(action: str, run: dict[str, Any]) -> Response:
    """The response to an accepted request."""
    url = f"http://x/api/v1/automation-runs/{run['id']}/{action}"
    return Response("POST", url, 200, {}, json.dumps(run).encode(), 0.0, 1)


def waited(poller: Poller, clock: CountingClock, run: dict[str, Any]) -> float:
    """The seconds that it takes to give up on this run."""
    before = clock.seconds
    assert poller.until(lambda: run, is_finished)[1]
    return clock.seconds - before


def test_what_did_not_come_is_waited_for_once() -> None:
    """A second run that was cancelled as well, and is running still, is given up soon; one that
    was only provided is not."""
    clock, waits = CountingClock(), WaitHistory(real_time=False)
    poller = Poller(clock, PATIENCE, waits)
    first, second, other = ({"id": name, "status": "running"} for name in ("a", "b", "c"))
    for run in (first, second):
        waits.provided(run["id"], State.RUNNING_LONG)
        waits.observe(response_to("cancel", run))
    waits.provided(other["id"], State.SUCCEEDS)
    assert waited(poller, clock, first) >= PATIENCE
    assert waited(poller, clock, second) <= 2
    assert waited(poller, clock, other) >= PATIENCE


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [(Status.FAILED, "LIFE-03"), (Status.CANCELLED, "CANCEL-03"), (Status.RUNNING, "")],
)
def test_a_run_that_ended_in_another_way_is_not_waited_for(wanted: Status, cause: str) -> None:
    """What it should have become is the subject of another requirement."""
    poller = Poller(CountingClock(), PATIENCE, WaitHistory(real_time=False))
    api = cast("Api", SimpleNamespace(run=lambda run_id: {"id": run_id, "status": "completed"}))
    with pytest.raises(StatusPassed) as caught:
        poller.wait_for_status(api, "a", wanted)
    assert caught.value.caused_by == cause
    assert "for some seconds" not in str(caught.value) or not cause


@pytest.mark.parametrize(
    ("action", "status", "cause"),
    [
        ("cancel", "pending", "CANCEL-02"),
        ("cancel", "running", "CANCEL-03"),
        ("retry", "running", "RETRY-18"),
        ("", "running", "LIFE-02"),
        ("cancel", "canceled", "GET-01"),
    ],
)
def test_a_missed_transition_names_its_requirement(action: str, status: str, cause: str) -> None:
    """So that checks of other requirements can say that they only follow."""
    poller = Poller(CountingClock(), PATIENCE, WaitHistory(real_time=False))
    run = {"id": "a", "status": status}
    poller.waits.provided("a", State.SUCCEEDS)
    if action:
        poller.waits.observe(response_to(action, run))
    poller.until(lambda: run, is_finished)
    assert poller.not_reached(run, "{}").caused_by == cause


def test_a_status_that_the_contract_does_not_know_is_given_up_soon() -> None:
    """It may lead to one that is known, within seconds."""
    clock = CountingClock()
    poller = Poller(clock, PATIENCE, WaitHistory(real_time=False))
    poller.waits.provided("a", State.PENDING)
    run = {"id": "a", "status": "canceled"}
    assert waited(poller, clock, run) <= 3
    assert waited(poller, clock, run) <= 1
    assert "a status that the contract does not know" in str(poller.not_reached(run, "{}"))


def test_a_run_that_is_not_the_kits_is_given_the_whole_patience() -> None:
    """Nothing is known of what was done to it."""
    clock = CountingClock()
    poller = Poller(clock, PATIENCE, WaitHistory(real_time=False))
    for _ in range(2):
        assert waited(poller, clock, {"id": "a", "status": "running"}) >= PATIENCE


def test_the_first_wait_is_measured_by_how_long_runs_take() -> None:
    """In real time: ten times as long and eight seconds at least; all of the patience as long as no
    run was seen to end."""
    waits = WaitHistory()
    run = {"id": "a", "status": "running"}
    waits.provided("a", State.SUCCEEDS)
    assert waits.limit(run, PATIENCE) == PATIENCE
    times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:02Z"}
    waits.came(run | {"status": "completed"} | times, 0)
    assert waits.limit(run, PATIENCE) == 20
    waits.came(run | {"status": "completed"} | times | {"completedAt": "2026-01-01T00:00:30Z"}, 0)
    assert waits.limit(run, PATIENCE) == PATIENCE
    quick = WaitHistory()
    quick.provided("a", State.SUCCEEDS)
    quick.came(run | {"status": "completed"}, 0.5)
    assert quick.limit(run, PATIENCE) == 8


class TimedRun:
    """A run that was provided now and ends after so many seconds of this clock; `reads` are the
    seconds at which it was read."""

    def __init__(self, clock: CountingClock, seconds: float) -> None:
        self.clock, self.until, self.reads = clock, seconds, list[float]()

    def read(self) -> dict[str, Any]:
        self.reads.append(self.clock.seconds)
        ended = self.clock.seconds >= self.until
        return {"id": "b", "status": "completed" if ended else "running"}


@pytest.mark.parametrize(("state", "first"), [(State.SUCCEEDS, 9.0), (State.FAILS, 0.5)])
def test_a_run_is_looked_at_when_others_of_its_kind_have_ended(state: State, first: float) -> None:
    """Where only its end is of interest: once at the beginning, then not before nine tenths of the
    time that the quickest one took."""
    clock, waits = CountingClock(), WaitHistory()
    poller = Poller(clock, PATIENCE, waits)
    for run_id, taken in (("a", 10), ("slow", 30)):
        waits.provided(run_id, State.SUCCEEDS)
        times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": f"2026-01-01T00:00:{taken}Z"}
        # As if it had been provided earlier.
        waits._begun[run_id] -= 60
        waits.came({"id": run_id, "status": "completed"} | times, 0)
    waits.provided("b", state)
    run = TimedRun(clock, 11)
    assert poller.until(run.read, is_finished, only_end=True)[1] is None
    assert run.reads[0] == 0
    assert run.reads[1] == pytest.approx(first, abs=0.6)


def test_a_run_that_was_cancelled_is_looked_at_at_once() -> None:
    """How long such runs take to complete says nothing of it; a retried one begins again."""
    waits = WaitHistory()
    for run_id in ("a", "b"):
        waits.provided(run_id, State.SUCCEEDS)
    times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:10Z"}
    waits._begun["a"] -= 60
    waits.came({"id": "a", "status": "completed"} | times, 0)
    assert 8 < waits.due("b") <= 9
    waits.observe(response_to("cancel", {"id": "b"}))
    assert waits.due("b") == 0
    waits.observe(response_to("retry", {"id": "b"}))
    assert waits.due("b") == 0
    waits._begun["b"] -= 5
    waits.came({"id": "b", "status": "completed"}, 5)
    waits.observe(response_to("retry", {"id": "b"}))
    assert 4 < waits.due("b") <= 4.6
    assert WaitHistory(real_time=False).due("b") == 0


def test_lanes_learn_from_each_other() -> None:
    """What one has waited for in vain another does not wait for again, nor where runs are slow; a
    stream that brought nothing concerns its lane alone."""
    waits = WaitHistory()
    lane = waits.lane()
    waits.provided("a", State.SUCCEEDS)
    lane.provided("b", State.SUCCEEDS)
    run = {"status": "running"}
    waits.gave_up(run | {"id": "a"}, 8, PATIENCE, is_finished)
    assert lane.limit(run | {"id": "b"}, PATIENCE) <= 1
    times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:03Z"}
    lane.came(times | {"id": "b", "status": "completed"}, 0)
    assert waits.longest_life == 3
    lane.heard(False, 8)
    assert waits.stream_limit(PATIENCE) == 30


@pytest.mark.parametrize(("life", "seconds"), [("00.5", 20), ("02", 50), ("09", PATIENCE)])
def test_how_late_a_transition_may_come(life: str, seconds: float) -> None:
    """Where runs are quick it need not have the complete patience; where they are slow it has."""
    waits = WaitHistory()
    waits.provided("a", State.SUCCEEDS)
    times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": f"2026-01-01T00:00:{life}Z"}
    waits.came(times | {"id": "a", "status": "completed"}, 0)
    waits.provided("b", State.SUCCEEDS)
    waits.gave_up({"id": "b", "status": "running"}, 8, PATIENCE, is_finished)
    (missed,) = waits.missed.values()
    assert waits.given_up_at(missed, PATIENCE) == missed.since + seconds


def test_a_failure_is_taken_back_if_the_transition_came_late() -> None:
    """What was only slow is not accused."""
    failed = Result("RETRY-18", "c", Verdict.DEVIATION, "m", waited_for="retry running")
    late = amend(failed, {"retry running"})
    assert (late.verdict, late.reason) == (Verdict.INCONCLUSIVE, Untested.PRECONDITION)
    assert amend(failed, {"cancel pending"}) == failed


def test_what_a_run_was_waited_for_is_kept() -> None:
    """A pending run that should be cancelled and starts has not come to be cancelled late."""
    poller = Poller(CountingClock(), 1, WaitHistory(real_time=False))
    poller.waits.provided("a", State.PENDING)
    run = {"id": "a", "status": "pending"}
    poller.until(lambda: run, is_finished, None, has_status(Status.CANCELLED))
    (missed,) = poller.waits.missed.values()
    assert missed.matches(run | {"status": "completed"})
    assert missed.matches(run | {"status": "cancelled"}) is None


@pytest.fixture(scope="module")
def stuck_backends() -> Iterator[str]:
    """The address of the backends of which one transition never comes."""
    with serving_backend() as backend, serving(Proxy(backend, stuck.mutant.all)) as address:
        yield address


@pytest.mark.extended
@pytest.mark.parametrize("mutant", stuck.mutant.all, ids=lambda m: m.name)
def test_one_fault_leaves_the_rest_tested(
    mutant: Mutant, stuck_backends: str, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is named by its requirement, four fifths of the others are decided, and no check
    polls for longer than the first."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    report: Report = judge(
        f"{stuck_backends}/{mutant.name}", config=str(CONFIG), exclude=("FUZZ-*",)
    )
    failed = {
        e.requirement.id
        for e in report.entries
        if e.verdict in (Verdict.VIOLATION, Verdict.DEVIATION) and not e.caused_by
    }
    assert set(mutant.requirements) <= failed
    assert report.tested >= 0.8 * report.selected, report.coverage
    assert not report.problem
    assert sum(r.requests for e in report.entries for r in e.results) < 1700
