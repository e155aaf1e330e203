"""Find which failed requirements are root causes, and which only follow: a check that depends on
another requirement says so (`caused_by`), and the same fault of a schema, the very same exchange or
the same breakdown of an operation that several checks come upon is one fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from conformance.results.result import Result
from conformance.vocabulary import UUID, Verdict

_ID = re.compile(UUID, re.IGNORECASE)
_FOUND = (Verdict.VIOLATION, Verdict.DEVIATION)
_NOT_FAILED = (Verdict.PASS, Verdict.UNSUPPORTED)


def causes(worst: Mapping[str, Result]) -> dict[str, str]:
    """For each requirement that only follows, the one that it follows from; `worst` has the
    deciding result of every requirement, in the catalogue's order.

    A requirement follows only from one that failed itself: where that holds, the fault stands on
    its own.
    """
    failed = {name: result for name, result in worst.items() if result.verdict not in _NOT_FAILED}
    direct = {name: _direct(name, result, failed) for name, result in failed.items()}
    return {name: root for name in failed if (root := _root(name, direct)) != name}


def _direct(name: str, result: Result, failed: Mapping[str, Result]) -> str:
    if result.caused_by in failed:
        return result.caused_by
    if result.verdict in _FOUND:
        return next(_same(name, result, failed.items()), name)
    return name


def _same(name: str, result: Result, failed: Iterable[tuple[str, Result]]) -> Iterator[str]:
    """Those before this one that came upon the same fault: of one keyword, in one exchange, or of
    one operation that breaks down in one and the same way."""
    for other, found in failed:
        if other == name:
            return
        keyword = result.contract_location and found.contract_location == result.contract_location
        exchange = (
            result.failing_exchange is not None
            and found.failing_exchange == result.failing_exchange
        )
        breakdown = (symptom := _breakdown(result)) is not None and _breakdown(found) == symptom
        same_fault = keyword or breakdown or (exchange and found.message == result.message)
        if found.verdict in _FOUND and same_fault:
            yield other


def _breakdown(result: Result) -> tuple[str, str, int | None, str] | None:
    """How an operation broke down: its server error, or why nothing came."""
    shown = next((x for x in result.exchanges if x.number == result.failing_exchange), None)
    if shown is None or (shown.status is not None and shown.status < 500):
        return None
    path = _ID.sub("{run_id}", urlsplit(shown.url).path)
    return shown.method, path, shown.status, shown.response_body or shown.note


def _root(name: str, direct: Mapping[str, str]) -> str:
    """Followed to its end; those that name each other in a circle have the first of them."""
    seen = [name]
    while (name := direct[name]) not in seen:
        seen.append(name)
    circle = seen[seen.index(name) :]
    return min(circle, key=list(direct).index)
