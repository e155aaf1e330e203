"""Subscribe to a run's stream one after another over its life: between replayed and live events
nothing may be lost or repeated, whenever a subscriber joins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from conformance.client.run_events import has_ended, run_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive, NoResponse
from conformance.harness.context import CheckContext

SUBSCRIBERS = 24
# How long events may take that others have heard already.
_LATE = 5.0


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A stream, and how many events had been sent when it was opened."""

    stream: Stream
    events_before: int


def subscribe_over_time(context: CheckContext, run_id: str, life: float) -> list[Subscriber]:
    """Return subscribers of a run that takes about `life` seconds of the target's time, spread over
    it; fewer, if the target allows no more. They have left when this returns."""
    poller, pace, start = context.poller, life / SUBSCRIBERS, time.monotonic()
    with ExitStack() as opened:
        first = opened.enter_context(context.api.events(run_id))
        subscribers = [Subscriber(first, 0)]
        while len(subscribers) < SUBSCRIBERS and not has_ended(first):
            if poller.real_time:
                first.wait(max(0.0, start + len(subscribers) * pace - time.monotonic()), has_ended)
            else:
                poller.advance(pace)
            try:
                stream = opened.enter_context(context.api.events(run_id))
            except (Inconclusive, NoResponse):
                break
            if stream.status != first.status:
                break
            subscribers.append(Subscriber(stream, len(first.events)))
        poller.follow(first, has_ended)
        over = time.monotonic() + _LATE
        for subscriber in subscribers:
            subscriber.stream.wait(
                max(0.0, over - time.monotonic()), lambda s: s.ended or has_ended(s)
            )
    return subscribers


def compare(subscribers: Sequence[Subscriber], replay: Stream, kinds: Sequence[str]) -> None:
    """Raise CheckFailed if a subscriber missed an event of these kinds or received it twice,
    compared with the others and the replay afterwards (Q13).

    If no subscriber gets a replay, each receives the events since it joined.
    """
    heard = [_labels(subscriber.stream, kinds) for subscriber in subscribers]
    whole = max([_labels(replay, kinds), *heard], key=len)
    replays = any(
        h[:1] == whole[:1] for h, r in zip(heard, subscribers, strict=True) if h and r.events_before
    )
    for subscriber, found in zip(subscribers, heard, strict=True):
        expected = whole if replays else whole[len(whole) - len(found) :]
        # A subscriber notices a broken stream; the last one may receive nothing any more.
        if subscriber.stream.broken:
            expected = expected[: len(found)]
        if found and found != expected:
            raise CheckFailed(
                f"a subscriber that joined after {subscriber.events_before} events "
                f"{_difference(found, expected)}",
                exchange=subscriber.stream.exchange,
            )


def _labels(stream: Stream, kinds: Sequence[str]) -> list[str]:
    """Return kinds and steps; the rest of an event may differ between live and replayed."""
    return [
        f"{e.kind} {e.step_key or ''}".strip() for e in run_events(stream.events) if e.kind in kinds
    ]


def _difference(found: Sequence[str], expected: Sequence[str]) -> str:
    missed = list((Counter(expected) - Counter(found)).elements())
    doubled = list((Counter(found) - Counter(expected)).elements())
    if missed:
        return f"received {len(found)} of {len(expected)} events: it missed {', '.join(missed[:3])}"
    if doubled:
        return f"received repeatedly: {', '.join(doubled[:3])}"
    return f"received them in another order: {', '.join(found)}, not {', '.join(expected)}"
