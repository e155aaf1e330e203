"""Find the event that a run has started in the stream of a run that was pending when the stream
began."""

from __future__ import annotations

from conformance.client.run_events import has_ended, run_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import State, Status

_MAX_TRIES = 4


def check_announced(context: CheckContext) -> None:
    """Raise CheckFailed if the first event of a step comes without the start of the run before it.

    Raise Inconclusive if no event is about a step, or each run had started before its stream began.
    """
    if not _is_announced(context.recording().first):
        stream = _stream_from_pending(context)
        if not _is_announced(stream):
            why = "a step has an event, and none says before it that the run has started"
            raise CheckFailed(why, exchange=stream.exchange)


def _is_announced(stream: Stream) -> bool:
    for event in run_events(stream.events):
        if event.step is None and event.outcome == "started":
            return True
        if event.step_key is not None:
            return False
    raise Inconclusive("no event is about a step")


def _stream_from_pending(context: CheckContext) -> Stream:
    for _ in range(_MAX_TRIES if context.runs.unlimited else 1):
        run_id = context.runs.fresh(State.SUCCEEDS)
        with context.api.events(run_id) as stream:
            if context.api.run(run_id).get("status") == Status.PENDING:
                context.poller.follow(stream, has_ended)
                return stream
    raise Inconclusive("each run had started before its stream began")
