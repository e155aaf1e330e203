"""The picture of an observed run: where each bar, tick and mark of it stands. Times are those that
the implementation wrote; what bears none is listed without a bar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conformance.expect import when

WIDTH = 760
LABEL = 168
ROW = 28
TOP = 34
_PLOT = WIDTH - LABEL - 16
_CLEAR = 3.0
_LABEL_LENGTH = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in a row; `status` is its colour, `title` what it says when pointed at."""

    x: float
    width: float
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """The run or one of its steps; `note` stands where no bar can."""

    y: float
    label: str
    full: str
    bars: tuple[Bar, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment: a tick of the axis or an event, with its text."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything in pixels of a picture that is `WIDTH` wide; `links` are paths from step to step,
    `told` the picture in a sentence."""

    height: float
    rows: tuple[Row, ...]
    ticks: tuple[Point, ...]
    links: tuple[str, ...]
    events: tuple[Point, ...]
    told: str


def timeline(seen: Mapping[str, Any]) -> Timeline | None:
    """The picture of a run as the report has it; None where it bears no time at all."""
    moments = sorted(filter(None, map(_moment, _times(seen))))
    if not moments:
        return None
    begin = moments[0]
    span = max((moments[-1] - begin).total_seconds(), 0.001)

    def at(text: object) -> float | None:
        moment = _moment(text)
        return None if moment is None else LABEL + _PLOT * (moment - begin).total_seconds() / span

    rows = [Row(TOP, "run", str(seen["run"].get("id")), _phases(seen, at))]
    rows += [_step(TOP + ROW * n, step, at) for n, step in enumerate(seen["steps"], 1)]
    places = {step["key"]: row for step, row in zip(seen["steps"], rows[1:], strict=True)}
    return Timeline(
        height=TOP + ROW * len(rows) + (30 if seen["events"] else 10),
        rows=tuple(rows),
        ticks=tuple(Point(LABEL + _PLOT * s / span, f"{s:g} s") for s in _ticks(span)),
        links=tuple(_links(seen["steps"], places)),
        events=tuple(_events(seen["events"], at)),
        told=_told(seen, span),
    )


def _times(seen: Mapping[str, Any]) -> Iterable[object]:
    run = seen["run"]
    yield from (run.get("createdAt"), run.get("startedAt"), run.get("completedAt"))
    yield from (change.get("at") for change in seen["changes"])
    for step in seen["steps"]:
        yield from (step.get("startedAt"), step.get("completedAt"))


def _moment(value: object) -> datetime | None:
    try:
        return when(value)
    except ValueError:
        return None


def _phases(seen: Mapping[str, Any], at: Any) -> tuple[Bar, ...]:
    """A bar for each status, until the next; the last one goes to the end."""
    known = [(x, str(c["status"])) for c in seen["changes"] if (x := at(c["at"])) is not None]
    stops = [*(x for x, _ in known[1:]), LABEL + _PLOT]
    return tuple(
        Bar(x, max(stop - x, _CLEAR), status, status)
        for (x, status), stop in zip(known, stops, strict=True)
    )


def _step(y: float, step: Mapping[str, Any], at: Any) -> Row:
    key, status = str(step["key"]), str(step["status"])
    label = key if len(key) <= _LABEL_LENGTH else f"{key[: _LABEL_LENGTH - 1]}…"
    start, stop = at(step.get("startedAt")), at(step.get("completedAt"))
    if start is None:
        return Row(y, label, key, (), status)
    width = max((stop if stop is not None else start) - start, _CLEAR)
    return Row(y, label, key, (Bar(start, width, status, f"{key}: {status}"),))


def _links(steps: Sequence[Mapping[str, Any]], places: Mapping[str, Row]) -> Iterable[str]:
    for step in steps:
        row = places[step["key"]]
        for needed in step["dependsOn"]:
            before = places.get(needed)
            if before is None or not before.bars or not row.bars:
                continue
            x1, y1 = before.bars[-1].x + before.bars[-1].width, before.y + ROW / 2
            x2, y2 = row.bars[0].x, row.y + ROW / 2
            bend = min(x1, x2) + max(x2 - x1, 0) / 2
            yield f"M{x1:.1f} {y1:.1f}H{bend:.1f}V{y2:.1f}H{x2:.1f}"


def _events(events: Iterable[Mapping[str, Any]], at: Any) -> Iterable[Point]:
    for event in events:
        x = at(event.get("at"))
        if x is not None:
            about = f" {event['step']}" if event.get("step") else ""
            yield Point(x, f"{event['kind']}{about}")


def _ticks(span: float) -> Iterable[float]:
    """At most nine round numbers of seconds."""
    rough = span / 8
    power = 10 ** math.floor(math.log10(rough))
    gap = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    return (gap * n for n in range(int(span / gap + 0.001) + 1))


def _told(seen: Mapping[str, Any], span: float) -> str:
    course = ", then ".join(str(change["status"]) for change in seen["changes"])
    return f"{seen['name']}: {course}; {len(seen['steps'])} steps in {span:g} s"
