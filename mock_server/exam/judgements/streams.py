"""Judgements of how a client follows the event stream."""

from itertools import pairwise

from mock_server.exam.evidence import Evidence, ended, last_event_id, numbers
from mock_server.exam.verdict import Verdict, failed, not_judged, passed
from mock_server.journal.exchange import Exchange

INTERRUPTIONS = frozenset({"cut", "halfFrame"})
TOLERANCE = 0.02
"""Seconds by which a timer may fire early; some round to milliseconds."""

_MAX_FINAL_READS = 3
"""Reads of the run, its steps and the list that may follow the end of a run."""


def resumes(evidence: Evidence, *, after: int) -> Verdict:
    """Judge the requests after interruptions, each of which came ``after`` complete events."""
    resumed = []
    for position, stream in enumerate(evidence.streams):
        if not _was_interrupted(stream):
            continue
        following = evidence.streams[position + 1 : position + 2]
        if not following:
            return failed(
                f"request {stream.number}: the stream was interrupted, and the client did not "
                "request it again",
                stream.number,
            )
        [request] = following
        expected = int(last_event_id(stream) or 0) + after
        got = last_event_id(request)
        if got != str(expected):
            return failed(
                f"request {request.number}: expected Last-Event-ID {expected}, got "
                f"{'none' if got is None else ascii(got[:40])}",
                stream.number,
                request.number,
            )
        resumed.append(request)
    if not resumed:
        return not_judged("the client did not request the event stream")
    return passed("every interrupted stream was resumed", *numbers(resumed))


def stops_after_the_end(evidence: Evidence) -> Verdict:
    """Judge the requests after the stream with the last event has ended.

    One more request is allowed, which gets 204: EventSource reconnects whenever a stream ends. So
    are a few reads of the final state.
    """
    final = next(
        (one for one in evidence.streams if one.status == 200 and not _was_interrupted(one)), None
    )
    if final is None or evidence.finished_at is None:
        return not_judged("the client did not follow the event stream to its end")
    later = [one for one in evidence.streams if one.started > final.started]
    if len(later) > 1 or any(one.status != 204 for one in later):
        return failed(
            "expected at most one more request for the stream, with the response 204, got "
            f"{len(later)}",
            final.number,
            *numbers(later),
        )
    reads = [one for one in evidence.reads if one.started > ended(final)]
    if len(reads) > _MAX_FINAL_READS:
        return failed(f"got {len(reads)} reads after the end of the run", *numbers(reads))
    return passed("the client stopped after the last event", final.number, *numbers(later))


def stops_after_204(evidence: Evidence) -> Verdict:
    """Judge the requests after a 204."""
    stop = next((one for one in evidence.streams if one.status == 204), None)
    if stop is None:
        return not_judged("the client got no 204, because it did not request the stream again")
    later = [one for one in evidence.streams if one.started > stop.started]
    if later:
        return failed(
            f"request {stop.number} got 204, and {len(later)} more requests for the stream "
            "followed",
            stop.number,
            *numbers(later),
        )
    return passed("no request for the stream followed the 204", stop.number)


def waits_before_reconnecting(evidence: Evidence, *, seconds: float) -> Verdict:
    """Judge the time between an interruption and the next request for the stream."""
    waits = [
        (after, after.started - ended(before))
        for before, after in pairwise(evidence.streams)
        if _was_interrupted(before)
    ]
    if not waits:
        return not_judged("the client did not reconnect after an interruption")
    request, shortest = min(waits, key=lambda one: one[1])
    if shortest < seconds - TOLERANCE:
        return failed(
            f"request {request.number}: expected a wait of {seconds:g} s, got {shortest:.2f} s",
            request.number,
        )
    return passed(f"the shortest wait was {shortest:.2f} s", *numbers([one for one, _ in waits]))


def _was_interrupted(stream: Exchange) -> bool:
    return not INTERRUPTIONS.isdisjoint(stream.faults)
