"""Judgements of what a client does when it does not know whether a request had an effect."""

from mock_server.engine.enums import Operation
from mock_server.exam.evidence import READS, STREAM, Evidence, numbers
from mock_server.exam.verdict import Verdict, failed, not_judged, passed


def sends_once(evidence: Evidence, *, operation: str) -> Verdict:
    """Judge the number of requests for an operation whose first request had its effect."""
    sent = evidence.of(Operation(operation))
    if not sent:
        return not_judged(f"the client sent no {operation}")
    if len(sent) > 1:
        return failed(
            f"expected one {operation}, got {len(sent)}: the first one had its effect, which a "
            "read of the run shows",
            *numbers(sent),
        )
    return passed(f"the client sent {operation} once", *numbers(sent))


def reads_afterwards(evidence: Evidence, *, operation: str) -> Verdict:
    """Judge whether the client has read the run after a request without a complete response."""
    sent = evidence.of(Operation(operation))
    if not sent:
        return not_judged(f"the client sent no {operation}")
    reads = [one for one in evidence.of(*READS, STREAM) if one.started > sent[0].started]
    if not reads:
        return failed(
            f"expected a read of the run after the incomplete response to request "
            f"{sent[0].number}, got none",
            sent[0].number,
        )
    return passed("the client read the run", *numbers(reads))
