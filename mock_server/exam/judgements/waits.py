"""Judgements of the times between failed requests and the next ones."""

from collections.abc import Iterator
from itertools import pairwise

from mock_server.exam.evidence import Evidence, ended, numbers
from mock_server.exam.judgements.streams import TOLERANCE
from mock_server.exam.verdict import Verdict, failed, not_judged, passed
from mock_server.journal.exchange import Exchange

_GROWTH = 1.5
_SAME = 0.05
"""The fraction by which two waits differ that are the same, measured in real time."""


def waits_retry_after(evidence: Evidence, *, status: int, seconds: float) -> Verdict:
    """Judge the wait after responses with ``status`` and ``Retry-After``.

    A 429 is about all requests of the client, any other status code about the same operation.
    """
    waits = [
        (after, after.started - ended(before))
        for before in _failures(evidence, status)
        for after in _later(evidence, before)
        if status == 429 or after.operation == before.operation
    ]
    if not waits:
        return not_judged(f"the client sent no further request after the {status}")
    request, shortest = min(waits, key=lambda one: one[1])
    if shortest < seconds - TOLERANCE:
        return failed(
            f"request {request.number}: expected a wait of {seconds:g} s (Retry-After), got "
            f"{shortest:.2f} s",
            request.number,
        )
    return passed(f"the shortest wait was {shortest:.2f} s", *numbers([one for one, _ in waits]))


def tries_again(evidence: Evidence, *, status: int) -> Verdict:
    """Judge whether each failed request was sent again."""
    failures = _failures(evidence, status)
    if not failures:
        return not_judged(f"the client got no {status}")
    for failure in failures:
        if not any(one.operation == failure.operation for one in _later(evidence, failure)):
            return failed(
                f"request {failure.number} got {status} with Retry-After, and the client did not "
                "send it again",
                failure.number,
            )
    return passed("the client sent the request again", *numbers(failures))


def backs_off(evidence: Evidence, *, status: int, failures: int) -> Verdict:
    """Judge whether the waits grow with the number of failures in a row."""
    episodes = list(_episodes(evidence, status, failures))
    if not episodes:
        return not_judged(f"the client did not send a request again after {failures} failures")
    first = min(waits[0] for waits in episodes)
    later = max(max(waits[1:]) for waits in episodes)
    shown = "; ".join(map(_spell, episodes))
    if later < _GROWTH * first or later < TOLERANCE:
        return failed(f"expected waits that grow, got {shown}")
    return passed(f"the waits were {shown}")


def has_jitter(evidence: Evidence, *, status: int, failures: int) -> Verdict:
    """Judge whether the waits differ between two times of the same number of failures."""
    episodes = list(_episodes(evidence, status, failures))
    if len(episodes) < 2:
        return not_judged(f"the client did not meet {failures} failures in a row twice")
    pairs = list(zip(*episodes[:2], strict=True))
    shown = "; ".join(map(_spell, episodes[:2]))
    if all(abs(one - two) <= _SAME * max(one, two) for one, two in pairs):
        return failed(f"expected different waits each time, got {shown}")
    return passed(f"the waits were {shown}")


def _failures(evidence: Evidence, status: int) -> list[Exchange]:
    return [one for one in evidence.exchanges if one.status == status and "status" in one.faults]


def _later(evidence: Evidence, exchange: Exchange) -> list[Exchange]:
    """Return the requests that began after the response."""
    return [one for one in evidence.exchanges if one.started >= ended(exchange)]


def _episodes(evidence: Evidence, status: int, failures: int) -> Iterator[list[float]]:
    """Yield the waits after each of ``failures`` failed requests in a row for the stream."""
    waits: list[float] = []
    for before, after in pairwise(evidence.streams):
        if before.status != status:
            waits.clear()
            continue
        waits.append(after.started - ended(before))
        if len(waits) == failures:
            yield list(waits)


def _spell(waits: list[float]) -> str:
    return ", ".join(f"{wait:.2f} s" for wait in waits)
