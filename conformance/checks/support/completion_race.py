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
from conformance.client.response import Answer
from conformance.client.run_events import has_ended, told
from conformance.client.stream import Stream
from conformance.errors import Inconclusive
from conformance.harness.context import Kit
from conformance.harness.recordings import Moment
from conformance.vocabulary import State, Status

ROUNDS = 3
# How many runs are cancelled beside each other, and how often; less often where runs take long.
ABREAST = 5
VOLLEYS = 5
PATIENCE = 30.0
# Seconds. An event that comes no sooner before the end than this announces it too late; the first
# volley is spread over the widest span, later ones no closer than what a machine is late by.
HERALD = 0.04
WIDEST = 0.5
CLOSEST = 0.03


@dataclass(frozen=True, slots=True)
class Course:
    """What a stream tells of its run: how many events until the last that comes well before the
    end, how many seconds it is from there, and how many in all."""

    events: int
    left: float
    whole: float


@dataclass(frozen=True, slots=True)
class Aimed:
    """A cancel, how many seconds after the moment that was expected for the end it was meant to
    come, the run as it was when it had ended, and its stream."""

    after: float
    answer: Answer
    was: Moment
    stream: Stream

    @property
    def in_time(self) -> bool:
        """Whether it came before the completion."""
        return self.was.run.get("status") == Status.CANCELLED


def around_completion(kit: Kit) -> Iterator[list[Aimed]]:
    """Cancels of fresh runs around their completion, in volleys.

    Raises Inconclusive where the stream does not say when a run is about to end.
    """
    if kit.waiting.real_time:
        yield from _closing_in(kit)
        return
    for turn in range(ROUNDS):
        run_id = kit.runs.fresh(State.SUCCEEDS, Status.RUNNING)
        with kit.api.events(run_id) as stream:
            hurry = partial(kit.waiting.clock.advance, 1.0 + turn)
            calls: list[Callable[[], Answer | float]] = [partial(kit.api.cancel, run_id), hurry]
            answer = at_once(calls)[0]
            assert isinstance(answer, Answer)
            yield [_ended(kit, run_id, stream, answer, 0.0)]


def _closing_in(kit: Kit) -> Iterator[list[Aimed]]:
    """Ever closer to where completion begins to win."""
    course = _course(kit.broadcast().first)
    low, high = -min(course.left, WIDEST), CLOSEST
    cancels: list[Aimed] = []
    for _ in range(max(2, min(VOLLEYS, int(PATIENCE / course.whole)))):
        step = (high - low) / (ABREAST - 1)
        aims = [low + step * number for number in range(ABREAST if kit.runs.repeatable else 1)]
        volley = at_once([partial(_aim, kit, course, aim) for aim in aims])
        yield volley
        cancels += volley
        won = [cancel.after for cancel in cancels if cancel.in_time]
        lost = [cancel.after for cancel in cancels if not cancel.in_time]
        if not kit.runs.repeatable:
            return
        if won and lost:
            low, high = sorted((max(won), min(lost)))
            middle, half = (low + high) / 2, max(high - low, CLOSEST) / 2
            low, high = middle - half, middle + half
        else:
            # The end comes later than thought, or sooner.
            low, high = (high, high + WIDEST) if won else (low - WIDEST, low)


def _course(stream: Stream) -> Course:
    frames = stream.frames
    end = next((n for n, f in enumerate(frames) if any(e.ends_the_run for e in told([f]))), None)
    if end is None:
        raise Inconclusive(
            "the stream does not tell when a run completes, so that no cancel can be aimed at it",
            because="EVENTS-04",
        )
    moments = [frame.at for frame in frames[: end + 1]]
    for number, (before, after) in reversed(list(enumerate(pairwise(moments), start=1))):
        if after - before >= HERALD:
            return Course(number, moments[-1] - before, moments[-1])
    raise Inconclusive(
        "all of a run's events came together, so that no cancel can be aimed at its end: provide a "
        "'succeeds' whose last step takes half a second"
    )


def _aim(kit: Kit, course: Course, after: float) -> Aimed:
    run_id = kit.runs.fresh(State.SUCCEEDS)
    with kit.api.events(run_id) as stream:
        if not stream.wait(kit.waiting.patience, lambda s: len(s.frames) >= course.events):
            raise Inconclusive(
                f"the stream of a run told less than that of another: {len(stream.frames)} events, "
                f"not {course.events}"
            )
        kit.waiting.spend(course.left + after)
        answer = kit.api.cancel(run_id)
        return _ended(kit, run_id, stream, answer, after)


def _ended(kit: Kit, run_id: str, stream: Stream, answer: Answer, after: float) -> Aimed:
    run = kit.expect_soon(partial(kit.api.run, run_id), is_finished)
    kit.waiting.follow(stream, has_ended, within=5)
    stream.wait(0.2, lambda s: s.ended)
    return Aimed(after, answer, Moment(run, []), stream)
