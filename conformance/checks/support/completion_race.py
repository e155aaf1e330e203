"""Cancel runs at the moment of their completion. Where the clock can be moved, it is moved
concurrently with the cancel. In real time, a recorded stream shows when that moment will be, and
the results of concurrent cancels show where to aim the next ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from conformance.assertions.matchers import is_finished
from conformance.client.concurrency import concurrently
from conformance.client.response import Response
from conformance.client.run_events import has_ended, run_events
from conformance.client.stream import Stream
from conformance.errors import Inconclusive
from conformance.harness.context import CheckContext
from conformance.harness.run_recording import Snapshot
from conformance.vocabulary import State, Status

ROUNDS = 3
# How many runs are cancelled concurrently, and how often; less often where runs take long.
CONCURRENT = 5
MAX_VOLLEYS = 5
MAX_SECONDS = 30.0
# Seconds. An event that comes no sooner before the end than this announces it too late; the first
# volley is spread over the widest span, later ones over no less than a machine's delay.
MIN_LEAD = 0.04
MAX_SPAN = 0.5
# Requests for one cancel: create, listen, cancel, read.
_REQUESTS = 5
MIN_SPAN = 0.03


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """When the events of a run come: the number of events until the last one that comes well before
    the end, the seconds from there to the end, and the seconds in all."""

    events: int
    left: float
    total: float


@dataclass(frozen=True, slots=True)
class TimedCancel:
    """A cancel, how many seconds after the moment that was expected for the end it was meant to
    come, the run as it was when it had ended, and its stream."""

    offset: float
    response: Response
    ended: Snapshot
    stream: Stream

    @property
    def in_time(self) -> bool:
        """Whether it came before the completion."""
        return self.ended.run.get("status") == Status.CANCELLED


def cancel_around_completion(context: CheckContext) -> Iterator[list[TimedCancel]]:
    """Cancels of fresh runs around their completion, in volleys.

    Raises Inconclusive where the stream does not say when a run is about to end.
    """
    if context.poller.real_time:
        yield from _narrow_down(context)
        return
    for turn in range(ROUNDS):
        run_id = context.runs.fresh(State.SUCCEEDS, Status.RUNNING)
        with context.api.events(run_id) as stream:
            advance = partial(context.poller.clock.advance, 1.0 + turn)
            calls: list[Callable[[], Response | float]] = [
                partial(context.api.cancel, run_id),
                advance,
            ]
            context.api.target.pacer.make_room(1)
            response = concurrently(calls)[0]
            assert isinstance(response, Response)
            yield [_after_end(context, run_id, stream, response, 0.0)]


def _narrow_down(context: CheckContext) -> Iterator[list[TimedCancel]]:
    """Ever closer to where completion begins to win."""
    timing = _stream_timing(context.recording().first)
    low, high = -min(timing.left, MAX_SPAN), MIN_SPAN
    cancels: list[TimedCancel] = []
    for _ in range(max(2, min(MAX_VOLLEYS, int(MAX_SECONDS / timing.total)))):
        step = (high - low) / (CONCURRENT - 1)
        offsets = [
            low + step * number for number in range(CONCURRENT if context.runs.unlimited else 1)
        ]
        context.api.target.pacer.make_room(_REQUESTS * len(offsets))
        batch = concurrently(
            [partial(_timed_cancel, context, timing, offset) for offset in offsets]
        )
        yield batch
        cancels += batch
        won = [cancel.offset for cancel in cancels if cancel.in_time]
        lost = [cancel.offset for cancel in cancels if not cancel.in_time]
        if not context.runs.unlimited:
            return
        if won and lost:
            low, high = sorted((max(won), min(lost)))
            middle, half = (low + high) / 2, max(high - low, MIN_SPAN) / 2
            low, high = middle - half, middle + half
        else:
            # The end comes later than thought, or sooner.
            low, high = (high, high + MAX_SPAN) if won else (low - MAX_SPAN, low)


def _stream_timing(stream: Stream) -> StreamTiming:
    received = stream.events
    end = next(
        (n for n, f in enumerate(received) if any(e.ends_run for e in run_events([f]))), None
    )
    if end is None:
        raise Inconclusive(
            "the stream does not show when a run completes, so that no cancel can be aimed at it",
            caused_by="EVENTS-04",
        )
    times = [event.at for event in received[: end + 1]]
    for number, (before, offset) in reversed(list(enumerate(pairwise(times), start=1))):
        if offset - before >= MIN_LEAD:
            return StreamTiming(number, times[-1] - before, times[-1])
    raise Inconclusive(
        "all of a run's events came together, so that no cancel can be aimed at its end: provide a "
        "'succeeds' whose last step takes half a second"
    )


def _timed_cancel(context: CheckContext, timing: StreamTiming, offset: float) -> TimedCancel:
    run_id = context.runs.fresh(State.SUCCEEDS)
    with context.api.events(run_id) as stream:
        if not stream.wait(context.poller.patience, lambda s: len(s.events) >= timing.events):
            raise Inconclusive(
                f"the stream of a run has fewer events than that of another: {len(stream.events)}, "
                f"not {timing.events}"
            )
        context.poller.advance(timing.left + offset)
        response = context.api.cancel(run_id)
        return _after_end(context, run_id, stream, response, offset)


def _after_end(
    context: CheckContext, run_id: str, stream: Stream, response: Response, offset: float
) -> TimedCancel:
    # The stream shows the end without further requests.
    context.poller.follow(stream, has_ended, within=5)
    stream.wait(0.2, lambda s: s.ended)
    run = context.wait_for(partial(context.api.run, run_id), is_finished)
    return TimedCancel(offset, response, Snapshot(run, []), stream)
