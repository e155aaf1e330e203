"""Requests are sent no faster than the target allows, and a run that takes too long for that is
planned: the most requirements first, the others named."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Mapping

import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from rich.console import Console

from conformance import deadline
from conformance.catalogue.requirements import load
from conformance.client.pacing import Pacer, Time
from conformance.client.rate_limit_headers import RateLimit, read_rate_limit
from conformance.config.settings import read
from conformance.errors import Inconclusive
from conformance.reporters.terminal import TerminalReporter
from conformance.runner.request_plan import RequestPlan, request_counts
from conformance.runner.run import run_checks
from conformance.vocabulary import ExitCode, Untested, Verdict

NOW = 1_772_000_000


class Virtual:
    """A clock that moves only in a sleep."""

    def __init__(self) -> None:
        self.now = 100.0
        self.time = Time(lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        (
            {
                "x-ratelimit-limit": "60",
                "x-ratelimit-remaining": "59",
                "x-ratelimit-reset": str(NOW + 58),
            },
            RateLimit(60, 60, 59, 58),
        ),
        (
            {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "9", "x-rate-limit-reset": "7"},
            RateLimit(100, 10, 9, 7),
        ),
        (
            {"ratelimit-policy": '"default";q=100;w=60', "ratelimit": '"default";r=50;t=30'},
            RateLimit(100, 60, 50, 30),
        ),
        (
            {"ratelimit-policy": "100;w=3600", "ratelimit": "limit=100, remaining=5, reset=9"},
            RateLimit(100, 3600, 5, 9),
        ),
        (
            {"ratelimit-limit": "10, 10;w=1", "ratelimit-remaining": "4", "ratelimit-reset": "1"},
            RateLimit(10, 1, 4, 1),
        ),
        ({"x-ratelimit-limit": "many", "x-ratelimit-reset": "5"}, None),
        ({}, None),
    ],
)
def test_every_form_of_the_headers_is_read(
    headers: Mapping[str, str], limit: RateLimit | None
) -> None:
    assert read_rate_limit(headers, now=NOW) == limit


def test_the_clock_of_the_target_decides_when_a_window_ends() -> None:
    headers = {
        "date": "Mon, 02 Mar 2026 08:15:00 GMT",
        "x-ratelimit-limit": "60",
        "x-ratelimit-reset": "1772439345",
    }
    found = read_rate_limit(headers)
    assert found is not None
    assert found.reset == 45
    assert found.per_minute == 60


def test_requests_are_spaced_evenly_and_never_in_a_burst() -> None:
    """Also after a pause: what was not used is not saved up."""
    clock = Virtual()
    pacer = Pacer(60, clock.time)
    sent = []
    for pause in (0.0, 0.0, 0.3, 10.0, 0.0):
        clock.now += pause
        pacer.wait()
        sent.append(clock.now)
    assert sent == [100.0, 101.0, 102.0, 112.0, 113.0]


def test_requests_at_the_same_moment_wait_for_their_room_before() -> None:
    """And those after them do not wait less for it."""
    clock = Virtual()
    pacer = Pacer(60, clock.time)
    pacer.wait()
    pacer.make_room(6)
    assert clock.now == 106.0
    for _ in range(6):
        pacer.wait()
    assert clock.now == 106.0
    pacer.wait()
    assert clock.now == 107.0


def test_a_thread_does_not_wait_and_the_main_thread_waits_for_it() -> None:
    clock = Virtual()
    pacer = Pacer(60, clock.time)
    threads = [threading.Thread(target=pacer.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now == 100.0
    pacer.wait()
    assert clock.now == 103.0


def test_an_announced_limit_is_kept_when_little_of_it_remains() -> None:
    """And forgotten when a new window begins."""
    clock = Virtual()
    pacer = Pacer(clock=clock.time)

    def respond(remaining: int, reset: int) -> float:
        headers = {"ratelimit-policy": "100;w=60", "ratelimit": f"r={remaining}, t={reset}"}
        pacer.learn(200, headers)
        before = clock.now
        pacer.wait()
        pacer.wait()
        return clock.now - before

    assert respond(80, 50) == 0
    assert respond(9, 40) == pytest.approx(4.0)
    assert respond(100, 60) == 0
    assert pacer.per_minute == 100


def test_a_limit_that_is_not_enforced_is_not_kept() -> None:
    clock = Virtual()
    pacer = Pacer(clock=clock.time)
    for _ in range(20):
        pacer.wait()
        pacer.learn(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"})
    assert clock.now <= 100 + 2 * 60


def test_a_wait_that_does_not_fit_is_left_to_the_target() -> None:
    clock = Virtual()
    pacer = Pacer(clock=clock.time)
    pacer.learn(200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "120"})
    pacer.wait()
    with deadline.limit(30, "late"):
        pacer.wait()
    assert clock.now == 100.0


def test_the_requests_of_requirements_are_counted() -> None:
    """A requirement that is not in the table is planned with a usual number."""
    assert set(request_counts()) <= set(load().requirements)
    assert len(request_counts()) > 140
    assert all(count > 0 for count in request_counts().values())


def test_the_forecast_says_what_fits() -> None:
    """At the platform's own limit: a whole gate takes long, and the cheap checks fit into ten
    minutes."""
    plan = RequestPlan(60, list(load().requirements), 600)
    forecast = plan.forecast
    assert forecast is not None
    assert plan.too_long
    assert 20 < forecast.minutes < 60
    assert 70 < forecast.fit < forecast.requirements
    assert f"{forecast.fit} of {forecast.requirements} requirements fit" in forecast.text
    assert not RequestPlan(60, list(load().requirements), 3600).too_long
    assert RequestPlan(60, ["GET-02", "GET-03"], 600).forecast is None
    assert RequestPlan(0, list(load().requirements), 600).forecast is None


def test_a_check_that_does_not_fit_is_not_begun() -> None:
    plan = RequestPlan(60, ["CANCEL-07", "GET-02"], 600)
    assert 0 < plan.begin("GET-02", 30) < 30
    with pytest.raises(Inconclusive, match="raise --budget") as late:
        plan.begin("CANCEL-07", 30)
    assert late.value.reason is Untested.DID_NOT_FIT
    fuzz = RequestPlan(600, ["FUZZ-EXAMPLES-LIST", "FUZZ-EXAMPLES-GET"], 600)
    assert fuzz.begin("FUZZ-EXAMPLES-LIST", 600) > 0
    assert fuzz.begin("FUZZ-EXAMPLES-GET", 0) == 0


@pytest.mark.extended
def test_a_run_by_a_rate_sends_no_burst(mock: str) -> None:
    """What fits is tested, and what does not is named with the reason; the terminal says so at the
    start."""
    sent: list[float] = []

    async def note(request: Request, forward: Forward, memory: Json) -> Response:
        sent.append(time.monotonic())
        return await forward(request)

    given = {
        "token": "test-paced",
        "requests_per_minute": "1200",
        "budget": "30s",
        "include": ["GET-0[1-4]", "LIST-0[1-4]", "FUZZ-*"],
    }
    output = io.StringIO()
    with serving(Proxy(mock, [Mutant("paced", (), note)])) as address:
        settings = read({"base_url": f"{address}/paced"} | given, os.environ)
        terminal = TerminalReporter(Console(file=output, width=200))
        report = run_checks(settings, [terminal], files=False)
    assert "at 1200 requests a minute" in output.getvalue()
    verdicts = {entry.requirement.id: entry.verdict for entry in report.entries}
    assert verdicts["GET-02"] is Verdict.PASS
    fuzz = tuple(each for each in verdicts if each.startswith("FUZZ-"))
    assert report.untested == {Untested.DID_NOT_FIT: fuzz}
    assert report.exit_code is ExitCode.CONFORMANT
    # Any second has what the rate allows, and no more than the timer's tolerance besides.
    for number, start in enumerate(sent):
        assert sum(start <= at < start + 1 for at in sent[number:]) <= 22
