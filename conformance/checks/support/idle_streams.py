"""Listen to streams on which nothing should happen, from the first check on: a heartbeat is noticed
only if the time without events is long enough."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from conformance.client.run_events import has_ended
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Outcome
from conformance.harness.context import CheckContext
from conformance.harness.run_recording import IdleStream
from conformance.vocabulary import State

MAX_SILENCE = 30
SHORT_SILENCE = 5
IDLE_KINDS = ("pending", "resumed")


def open_idle_streams(context: CheckContext) -> Mapping[str, IdleStream | None]:
    """Return the stream of a pending run, and that of a subscriber that resumed that of a running
    one; None where such a stream cannot be opened. They are opened in the first call."""
    found: dict[str, IdleStream | None] = dict.fromkeys(IDLE_KINDS)
    # Other checks report why a run or its stream is missing.
    with contextlib.suppress(Outcome):
        found["pending"] = context.cache.once("quiet pending", lambda: _pending(context))
    with contextlib.suppress(Outcome):
        ids = [event.id for event in context.idle_stream().stream.events if event.id]
        if ids:
            found["resumed"] = context.cache.once(
                "quiet resumed", lambda: _resumed(context, ids[-1])
            )
    return found


def wait_for_heartbeat(idle: IdleStream, kind: str) -> None:
    """Wait until something bridges the silence. Raise CheckFailed if nothing does in 30 s."""
    # An event also shows that the stream is alive, but not that idle time is bridged.
    active = lambda stream: stream.comments > idle.comments or stream.longest_gap > SHORT_SILENCE  # noqa: E731
    deadline = idle.since + 2 * MAX_SILENCE
    while not idle.stream.wait(max(0.0, MAX_SILENCE - idle.stream.idle_seconds), active):
        if has_ended(idle.stream):
            # The run went on by itself meanwhile.
            return
        if idle.stream.ended:
            raise CheckFailed(f"the stream of a {kind} run was closed while nothing happened")
        if idle.stream.idle_seconds >= MAX_SILENCE:
            raise CheckFailed(f"nothing came for {MAX_SILENCE} s on the stream of a {kind} run")
        if time.monotonic() > deadline:
            return


def _pending(context: CheckContext) -> IdleStream:
    return _idle(context.api.events(context.runs.shared(State.PENDING)))


def _resumed(context: CheckContext, last_id: str) -> IdleStream:
    return _idle(context.api.events(context.runs.shared(State.RUNNING_LONG), last_id))


def _idle(stream: Stream) -> IdleStream:
    # The events so far come first.
    stream.wait(0.3, lambda s: s.ended)
    return IdleStream(stream, stream.comments, time.monotonic())
