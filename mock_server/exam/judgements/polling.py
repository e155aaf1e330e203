"""Judgements of a client that polls in place of an event stream."""

from itertools import groupby

from mock_server.exam.evidence import READS, STREAM, Evidence, numbers
from mock_server.exam.verdict import Verdict, failed, not_judged, passed
from mock_server.journal.exchange import Exchange

_MIN_POLLS = 3
_TOLERANCE = 1.05
_MAX_FINAL_READS = 3


def polls(evidence: Evidence) -> Verdict:
    """Judge whether the client has read the run until it finished."""
    if not evidence.exchanges:
        return not_judged("the client sent no request")
    _, final = _split(evidence)
    if not final:
        return failed(
            f"expected reads until the run finishes, got {len(evidence.reads)} and an unfinished "
            "run",
            *numbers(evidence.reads),
        )
    return passed("the client read the run until it finished", *numbers(evidence.reads))


def polls_slowly(evidence: Evidence, *, per_second: float) -> Verdict:
    """Judge the rate of the requests for each operation."""
    fastest = 0.0
    shown: tuple[int, ...] = ()
    requests = sorted(evidence.of(*READS, STREAM), key=lambda one: (one.operation, one.started))
    for _, group in groupby(requests, key=lambda one: one.operation):
        polled = list(group)
        if len(polled) >= _MIN_POLLS:
            span = polled[-1].started - polled[0].started
            rate = (len(polled) - 1) / max(span, 1e-6)
            if rate > fastest:
                fastest, shown = rate, numbers(polled)
    if not shown:
        return not_judged("the client did not poll often enough to measure it")
    if fastest > per_second * _TOLERANCE:
        return failed(
            f"expected at most {per_second:g} requests per second, got {fastest:.1f}", *shown
        )
    return passed(f"{fastest:.1f} requests per second", *shown)


def stops_polling(evidence: Evidence) -> Verdict:
    """Judge the reads after one that showed the end of the run."""
    before, final = _split(evidence)
    if not before or not final:
        return not_judged("the client did not read the run until it finished")
    if len(final) > _MAX_FINAL_READS:
        return failed(f"got {len(final)} reads of the finished run", *numbers(final))
    return passed("the client stopped", *numbers(final))


def _split(evidence: Evidence) -> tuple[list[Exchange], list[Exchange]]:
    """Return the reads of the unfinished and of the finished run."""
    end = evidence.finished_at
    reads = [one for one in evidence.reads if one.status is not None and one.status < 300]
    final = [] if end is None else [one for one in reads if one.at is not None and one.at >= end]
    return [one for one in reads if one not in final], final
