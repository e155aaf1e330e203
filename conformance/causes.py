"""Which of the requirements that failed is the root, and which only follow: a check that needs what
another requirement is about says so (`because`), and the same fault of a schema, or the very same
exchange, that several checks come upon is one fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from conformance.result import Result
from conformance.vocabulary import Verdict

_FOUND = (Verdict.VIOLATION, Verdict.DEVIATION)
_SOUND = (Verdict.PASS, Verdict.UNSUPPORTED)


def causes(worst: Mapping[str, Result]) -> dict[str, str]:
    """For each requirement that only follows, the one that it follows from; `worst` has the
    deciding result of every requirement, in the catalogue's order.

    A requirement follows only from one that failed itself: where that holds, the fault stands on
    its own.
    """
    failed = {name: result for name, result in worst.items() if result.verdict not in _SOUND}
    direct = {name: _direct(name, result, failed) for name, result in failed.items()}
    return {name: root for name in failed if (root := _root(name, direct)) != name}


def _direct(name: str, result: Result, failed: Mapping[str, Result]) -> str:
    if result.because in failed:
        return result.because
    if result.verdict in _FOUND:
        return next(_same(name, result, failed.items()), name)
    return name


def _same(name: str, result: Result, failed: Iterable[tuple[str, Result]]) -> Iterator[str]:
    """Those before this one that came upon the same fault."""
    for other, found in failed:
        if other == name:
            return
        keyword = result.place and found.place == result.place
        exchange = result.culprit is not None and found.culprit == result.culprit
        if found.verdict in _FOUND and (keyword or (exchange and found.message == result.message)):
            yield other


def _root(name: str, direct: Mapping[str, str]) -> str:
    """Followed to its end; those that name each other in a circle have the first of them."""
    seen = [name]
    while (name := direct[name]) not in seen:
        seen.append(name)
    circle = seen[seen.index(name) :]
    return min(circle, key=list(direct).index)
