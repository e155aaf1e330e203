"""Compare the stream of a subscriber that resumes with the full one."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.client.run_events import run_events
from conformance.client.sse import ServerSentEvent
from conformance.client.stream import Stream
from conformance.errors import CheckFailed


def attempt_ended(stream: Stream, known: set[str | None]) -> bool:
    """The end of an attempt has come that was not heard before."""
    fresh = (event for event in stream.events if event.id not in known)
    return any(event.ends_run for event in run_events(fresh))


def ids_unique(full_stream: Stream) -> None:
    """Raise CheckFailed if two different events bear the same id."""
    own = [event for event in full_stream.events if "id" in event.lines]
    first = {event.id: event for event in reversed(own)}
    for event in own:
        if event.data != first[event.id].data:
            raise CheckFailed(
                f"two events bear the id {event.id!r}, {first[event.id].event} and {event.event}: "
                f"no subscriber can resume after it",
                exchange=full_stream.exchange,
            )


def continues(full_stream: Stream, last: str | None, resumed: Stream) -> None:
    """Check that a subscriber resuming after this id got the rest of the full stream."""
    events = full_stream.events
    places = [number for number, event in enumerate(events, 1) if event.id == last]
    if not places:
        # A stream that does not begin with the past shows nothing to compare with.
        return
    expected = _until_the_end(events[places[-1] :])
    found = _until_the_end(resumed.events)
    if found != expected:
        ids = [f[0] for f in found], [e[0] for e in expected]
        raise CheckFailed(
            f"after the id {last!r} came {ids[0]}, not {ids[1]}", exchange=resumed.exchange
        )


def _until_the_end(events: Sequence[ServerSentEvent]) -> list[tuple[str | None, str]]:
    """Return id and data of each event, without copies of the last: whether these are still read
    depends on when they come, and they are another matter (EVENTS-04)."""
    found = [(event.id, event.data) for event in events]
    while len(found) > 1 and found[-1] == found[-2]:
        found.pop()
    return found
