"""A target that limits requests is waited for, within the time that there is, and nothing is held
against it."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest
from mutating_proxy import Forward, Json, Mutant, Mutate, Proxy, Request, Response, serving
from rich.console import Console
from support import Judge

from conformance import deadline
from conformance.client.rate_limit import RateLimiter, retry_after
from conformance.config.settings import read
from conformance.errors import KitError
from conformance.reporters.terminal import TerminalReporter
from conformance.results.events import RateLimited, RunFinished
from conformance.runner.run import run_checks
from conformance.vocabulary import ExitCode, Verdict

DAY = "Mon, 02 Mar 2026 08:15:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Mon, 02 Mar 2026 08:15:30 GMT", "date": DAY}, 30),
        ({"retry-after": DAY, "date": "Mon, 02 Mar 2026 08:16:00 GMT"}, 0),
        ({"retry-after": DAY}, 0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_is_asked_for(headers: Mapping[str, str], seconds: float | None) -> None:
    """Seconds or a moment, by the clock of who names it."""
    assert retry_after(headers) == seconds


def test_there_is_an_end_to_waiting() -> None:
    """Where the time that is left is shorter, and where waiting does not help."""
    rate_limiter = RateLimiter()
    with deadline.limit(30, "late"):
        assert not rate_limiter.wait(429, {"retry-after": "60"}, 0)
    assert not rate_limiter.wait(429, {"retry-after": "0"}, 100)
    assert not rate_limiter.wait(200, {"retry-after": "0"}, 0)
    assert rate_limiter.stats.notes == ()
    assert rate_limiter.wait(429, {"retry-after": "0"}, 0)
    assert rate_limiter.stats.count == 1


async def unannounced(request: Request, forward: Forward, memory: Json) -> Response:
    """The limit is only seen when it rejects a request."""
    reply = await forward(request)
    for name in [name for name in reply.headers if name.startswith("x-ratelimit")]:
        del reply.headers[name]
    return reply


@pytest.mark.extended
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_limit_is_waited_out(workers: str, mock: str) -> None:
    """By the checks and by the fuzzer: the verdicts are those of a target without limits. That it
    took its time is said while it does, and in the report."""
    world = f"test-limited-{workers}"
    worlds = [world] if workers == "1" else [f"{world}-{name}" for name in ("lead", "gw0", "gw1")]
    for each in worlds:
        rate_limiter = {"rateLimit": {"limit": 15, "window": "1s"}}
        with httpx2.Client(headers={"X-API-Key": each}, verify=False) as client:
            client.post(f"{mock}/_mock/faults", json=rate_limiter).raise_for_status()
    heard = Heard()
    given = {"token": world, "workers": workers, "provision": "mock"}
    include = ["LIST-0[1-4]", "CANCEL-02", "EVENTS-10"]
    # The fuzzer has processes of its own, however many workers there are.
    include += ["FUZZ-EXAMPLES-LIST"] if workers == "1" else []
    with serving(Proxy(mock, [Mutant("unannounced", (), unannounced)])) as address:
        given |= {"base_url": f"{address}/unannounced", "include": include}
        report = run_checks(read(given, os.environ), [heard], files=False)
    assert {entry.verdict for entry in report.entries} == {Verdict.PASS}, report.entries
    (note,) = report.notes
    assert "returned 429" in note
    assert bool(heard.seconds) is (workers == "1")


def test_a_limit_that_lasts_is_not_a_fault(mock: str, judge: Judge) -> None:
    """What could not be asked in time is left undecided, and it is said what to do."""

    async def an_hour(request: Request, forward: Forward, memory: Json) -> Response:
        if request.operation in ("steps", "events"):
            return Response(429, {"retry-after": "3600"}).put({"detail": "Too many requests"})
        return await forward(request)

    with serving(Proxy(mock, [Mutant("an-hour", (), an_hour)])) as address:
        report = judge(f"{address}/an-hour", "STEPS-0[12]", "EVENTS-01", token="test-an-hour")
    assert {entry.verdict for entry in report.entries} == {Verdict.INCONCLUSIVE}
    for entry in report.entries:
        assert "asks to wait 3600 s" in entry.worst.message
        assert "--budget" in entry.worst.message
    assert report.exit_code is not ExitCode.NOT_CONFORMANT


def test_no_request_is_let_in(mock: str, judge: Judge) -> None:
    """A target whose limit is spent for the day is refused before the first check."""

    async def tomorrow(request: Request, forward: Forward, memory: Json) -> Response:
        return Response(429, {"retry-after": "86400"}).put({"detail": "Too many requests"})

    with (
        serving(Proxy(mock, [Mutant("tomorrow", (), tomorrow)])) as address,
        pytest.raises(KitError, match="rate limited"),
    ):
        judge(f"{address}/tomorrow", "LIST-01", token="test-tomorrow")


class Heard:
    """Listens for waits, and shows them as the terminal would."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._terminal = TerminalReporter(Console(file=io.StringIO(), force_terminal=True))

    def on(self, event: object) -> None:
        """Take note."""
        if isinstance(event, RateLimited):
            self.seconds.append(event.seconds)
        if isinstance(event, RateLimited | RunFinished):
            self._terminal.on(event)


async def few_streams(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant: it serves so many streams at a time, and asks others to come back."""
    if request.operation != "events":
        return await forward(request)
    if memory.get("open", 0) >= 4:
        return Response(429, {"retry-after": "1"}).put({"detail": "Too many streams."})
    reply = await forward(request)
    if reply.frames is not None:
        memory["open"] = memory.get("open", 0) + 1
        reply.frames = counted(reply.frames, memory)
    return reply


async def counted(frames: AsyncIterator[bytes], memory: Json) -> AsyncIterator[bytes]:
    """The frames; a stream that is over makes room for another."""
    try:
        async for frame in frames:
            yield frame
    finally:
        memory["open"] -= 1


async def no_word_about_when(request: Request, forward: Forward, memory: Json) -> Response:
    """Likewise, without saying when to come back."""
    reply = await few_streams(request, forward, memory)
    reply.headers.pop("retry-after", None)
    return reply


@pytest.mark.parametrize("limited", [few_streams, no_word_about_when])
def test_fewer_subscribers_join_where_streams_are_limited(
    limited: Mutate, mock: str, judge: Judge
) -> None:
    """As many as are let in; what they hear is compared all the same."""
    with serving(Proxy(mock, [Mutant("few", (), limited)])) as address:
        (entry,) = judge(f"{address}/few", "EVENTS-08", token=f"test-{limited.__name__}").entries
    assert entry.verdict is Verdict.PASS, entry.worst.message
