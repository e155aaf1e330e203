"""Judgements of the requests as such."""

from itertools import pairwise

from mock_server.exam.evidence import READS, Evidence, ended, numbers
from mock_server.exam.judgements.streams import TOLERANCE
from mock_server.exam.verdict import Verdict, failed, not_judged, passed


def conforms(evidence: Evidence) -> Verdict:
    """Judge whether the contract allows every request."""
    if not evidence.exchanges:
        return not_judged("the client sent no request")
    if evidence.problems:
        number, reason = evidence.problems[0]
        more = len(evidence.problems) - 1
        return failed(
            f"request {number}: {reason}" + (f", and {more} more" if more else ""),
            *(number for number, _ in evidence.problems[:20]),
        )
    return passed(f"requests that the contract does not allow: 0 of {len(evidence.exchanges)}")


def waits_for_the_response(evidence: Evidence, *, seconds: float) -> Verdict:
    """Judge whether a request was repeated before its response, which takes ``seconds``."""
    if not any("latency" in one.faults for one in evidence.reads):
        return not_judged("the client did not wait for a response")
    for operation in READS:
        for before, after in pairwise(evidence.of(operation)):
            same = (before.path, before.query) == (after.path, after.query)
            # A client that disconnects ends the exchange.
            gave_up = "latency" in before.faults and (
                ended(before) - before.started < seconds - TOLERANCE
            )
            if same and (gave_up or after.started < ended(before)):
                return failed(
                    f"request {after.number} repeats request {before.number}, whose response was "
                    "not complete",
                    before.number,
                    after.number,
                )
    return passed("no request was repeated", *numbers(evidence.reads))
