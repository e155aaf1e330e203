"""Put reports side by side: implementations by requirement, and each one's history over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.vocabulary import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement with the verdict on each implementation, or None where it was not tested."""

    requirement: str
    statement: str
    level: str
    verdicts: tuple[Verdict | None, ...]

    @property
    def differs(self) -> bool:
        """Return whether the implementations have different verdicts."""
        return len(set(self.verdicts)) > 1


@dataclass(frozen=True, slots=True)
class Point:
    """One report of an implementation: when, its conclusion and counts, and the changes since the
    report before."""

    started: str
    conclusion: str
    kit: str
    counts: Mapping[Verdict, int]
    broken: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Implementation:
    """An implementation by its name, with its reports from the oldest to the latest."""

    name: str
    points: tuple[Point, ...]

    @property
    def latest(self) -> Point:
        """Return the latest report."""
        return self.points[-1]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Implementations in the order they were named, and a row for each requirement."""

    implementations: tuple[Implementation, ...]
    rows: tuple[Row, ...]


def build(reports: Iterable[tuple[str, Mapping[str, Any]]]) -> Matrix:
    """Return the matrix of named reports, as JSON; an implementation may have several."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for name, report in reports:
        grouped.setdefault(name, []).append(report)
    for listed in grouped.values():
        listed.sort(key=lambda report: str(report["started"]))
    latest = [_verdicts(listed[-1]) for listed in grouped.values()]
    words: dict[str, Mapping[str, Any]] = {}
    for listed in grouped.values():
        for entry in listed[-1]["requirements"]:
            words.setdefault(entry["id"], entry)
    return Matrix(
        tuple(Implementation(name, _history(listed)) for name, listed in grouped.items()),
        tuple(
            Row(each, entry["statement"], entry["level"], tuple(v.get(each) for v in latest))
            for each, entry in words.items()
        ),
    )


def _history(reports: Iterable[Mapping[str, Any]]) -> tuple[Point, ...]:
    points: list[Point] = []
    before: dict[str, Verdict] = {}
    for report in reports:
        after = _verdicts(report)
        both = [name for name in after if name in before]
        points.append(
            Point(
                report["started"],
                report["conclusion"],
                report["kit"],
                {verdict: report["counts"].get(verdict.value, 0) for verdict in Verdict},
                tuple(n for n in both if after[n].fails and not before[n].fails),
                tuple(n for n in both if before[n].fails and after[n] is Verdict.PASS),
            )
        )
        before |= after
    return tuple(points)


def _verdicts(report: Mapping[str, Any]) -> dict[str, Verdict]:
    return {entry["id"]: Verdict(entry["verdict"]) for entry in report["requirements"]}
