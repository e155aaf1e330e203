"""Cancels aimed at the moment in which a run completes. Where time can be moved, it is moved beside
the cancel. Where it can only be waited for, when that moment will be is learned from a run that was
listened to, and where in a volley of cancels completion began to win says where to aim the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from conformance.assertions.matchers import is_finished
from conformance.client.concurrency import at_once
from conformance.client.response import Response
from conformance.client.run_events import has_ended, told
from conformance.client.stream import Stream
from conformance.errors import Inconclusive
from conformance.harness.context import CheckContext
from conformance.harness.recordings import Snapshot
from conformance.vocabulary import State, Status

ROUNDS = 3
# How many runs are cancelled beside each other, and how often; less often where runs take long.
CONCURRENT = 5
MAX_VOLLEYS = 5
MAX_SECONDS = 30.0
# Seconds. An event that comes no sooner before the end than this announces it too late; the first
# volley is spread over the widest span, later ones no closer than what a machine is late by.
MIN_LEAD = 0.04
MAX_SPAN = 0.5
MIN_SPAN = 0.03


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """What a stream tells of its run: how many events until the last that comes well before the
    end, how many seconds it is from there, and how many in all."""

    events: int
    left: float
    whole: float


@dataclass(frozen=True, slots=True)
class TimedCancel:
    """A cancel, how many seconds after the moment that was expected for the end it was meant to
    come, the run as it was when it had ended, and its stream."""

    after: float
    answer: Response
    was: Snapshot
    stream: Stream

    @property
    def in_time(self) -> bool:
        """Whether it came before the completion."""
        return self.was.run.get("status") == Status.CANCELLED


def cancel_around_completion(kit: CheckContext) -> Iterator[list[TimedCancel]]:
    """Cancels of fresh runs around their completion, in volleys.

    Raises Inconclusive where the stream does not say when a run is about to end.
    """
    if kit.waiting.real_time:
        yield from _narrow_down(kit)
        return
    for turn in range(ROUNDS):
        run_id = kit.runs.fresh(State.SUCCEEDS, Status.RUNNING)
        with kit.api.events(run_id) as stream:
            hurry = partial(kit.waiting.clock.advance, 1.0 + turn)
            calls: list[Callable[[], Response | float]] = [partial(kit.api.cancel, run_id), hurry]
            answer = at_once(calls)[0]
            assert isinstance(answer, Response)
            yield [_after_end(kit, run_id, stream, answer, 0.0)]


def _narrow_down(kit: CheckContext) -> Iterator[list[TimedCancel]]:
    """Ever closer to where completion begins to win."""
    course = _stream_timing(kit.broadcast().first)
    low, high = -min(course.left, MAX_SPAN), MIN_SPAN
    cancels: list[TimedCancel] = []
    for _ in range(max(2, min(MAX_VOLLEYS, int(MAX_SECONDS / course.whole)))):
        step = (high - low) / (CONCURRENT - 1)
        aims = [low + step * number for number in range(CONCURRENT if kit.runs.repeatable else 1)]
        volley = at_once([partial(_timed_cancel, kit, course, aim) for aim in aims])
        yield volley
        cancels += volley
        won = [cancel.after for cancel in cancels if cancel.in_time]
        lost = [cancel.after for cancel in cancels if not cancel.in_time]
        if not kit.runs.repeatable:
            return
        if won and lost:
            low, high = sorted((max(won), min(lost)))
            middle, half = (low + high) / 2, max(high - low, MIN_SPAN) / 2
            low, high = middle - half, middle + half
        else:
            # The end comes later than thought, or sooner.
            low, high = (high, high + MAX_SPAN) if won else (low - MAX_SPAN, low)


def _stream_timing(stream: Stream) -> StreamTiming:
    frames = stream.frames
    end = next((n for n, f in enumerate(frames) if any(e.ends_the_run for e in told([f]))), None)
    if end is None:
        raise Inconclusive(
            "the stream does not tell when a run completes, so that no cancel can be aimed at it",
            caused_by="EVENTS-04",
        )
    moments = [frame.at for frame in frames[: end + 1]]
    for number, (before, after) in reversed(list(enumerate(pairwise(moments), start=1))):
        if after - before >= MIN_LEAD:
            return StreamTiming(number, moments[-1] - before, moments[-1])
    raise Inconclusive(
        "all of a run's events came together, so that no cancel can be aimed at its end: provide a "
        "'succeeds' whose last step takes half a second"
    )


def _timed_cancel(kit: CheckContext, course: StreamTiming, after: float) -> TimedCancel:
    run_id = kit.runs.fresh(State.SUCCEEDS)
    with kit.api.events(run_id) as stream:
        if not stream.wait(kit.waiting.patience, lambda s: len(s.frames) >= course.events):
            raise Inconclusive(
                f"the stream of a run told less than that of another: {len(stream.frames)} events, "
                f"not {course.events}"
            )
        kit.waiting.spend(course.left + after)
        answer = kit.api.cancel(run_id)
        return _after_end(kit, run_id, stream, answer, after)


def _after_end(
    kit: CheckContext, run_id: str, stream: Stream, answer: Response, after: float
) -> TimedCancel:
    run = kit.expect_soon(partial(kit.api.run, run_id), is_finished)
    kit.waiting.follow(stream, has_ended, within=5)
    stream.wait(0.2, lambda s: s.ended)
    return TimedCancel(after, answer, Snapshot(run, []), stream)
