"""Draw an observed run: place each bar, tick and mark. Times are those that the implementation
wrote; a step without times is listed without a bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conformance.assertions.matchers import parse_timestamp

ROW = 28
TOP = 28
THIN = 0.6

Place = Callable[[object], float | None]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in a row; `status` is its colour, `title` its text when pointed at."""

    x: float
    width: float
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """The run or one of its steps; `note` stands where no bar can."""

    y: float
    label: str
    bars: tuple[Bar, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment: a tick of the axis or an event, with its text."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """From the end of a step across `bend` to the start of one that depends on it."""

    x1: float
    y1: float
    bend: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture: across in per cent of its width, down in pixels; `description` is a sentence
    about it."""

    height: float
    rows: tuple[Row, ...]
    ticks: tuple[Point, ...]
    links: tuple[Link, ...]
    events: tuple[Point, ...]
    description: str


def timeline(seen: Mapping[str, Any]) -> Timeline | None:
    """The picture of a run as the report has it; None where it bears no time at all."""
    moments = sorted(filter(None, map(_moment, _times(seen))))
    if not moments:
        return None
    begin = moments[0]
    span = max((moments[-1] - begin).total_seconds(), 0.001)

    def at(text: object) -> float | None:
        timestamp = _moment(text)
        return None if timestamp is None else 100 * (timestamp - begin).total_seconds() / span

    rows = [Row(TOP, "run", _phases(seen, at))]
    rows += [_step(TOP + ROW * n, step, at) for n, step in enumerate(seen["steps"], 1)]
    places = {step["key"]: row for step, row in zip(seen["steps"], rows[1:], strict=True)}
    return Timeline(
        height=TOP + ROW * (len(rows) + bool(seen["events"])),
        rows=tuple(rows),
        ticks=tuple(Point(100 * s / span, f"{s:g} s") for s in ticks(span)),
        links=tuple(_links(seen["steps"], places)),
        events=tuple(_events(seen["events"], at)),
        description=_description(seen, span),
    )


def _times(seen: Mapping[str, Any]) -> Iterable[object]:
    run = seen["run"]
    yield from (run.get("createdAt"), run.get("startedAt"), run.get("completedAt"))
    yield from (change.get("at") for change in seen["changes"])
    for step in seen["steps"]:
        yield from (step.get("startedAt"), step.get("completedAt"))


def _moment(value: object) -> datetime | None:
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def _bar(start: float, stop: float, status: str, title: str) -> Bar:
    """One that can be seen, however short the time, and within the picture."""
    return Bar(min(start, 100 - THIN), max(stop - start, THIN), status, title)


def _phases(seen: Mapping[str, Any], at: Place) -> tuple[Bar, ...]:
    """A bar for each status, until the next; the last one goes to the end."""
    known = [(x, str(c["status"])) for c in seen["changes"] if (x := at(c["at"])) is not None]
    stops = [*(x for x, _ in known[1:]), 100.0]
    return tuple(
        _bar(x, stop, status, status) for (x, status), stop in zip(known, stops, strict=True)
    )


def _step(y: float, step: Mapping[str, Any], at: Place) -> Row:
    key, status = str(step["key"]), str(step["status"])
    start, stop = at(step.get("startedAt")), at(step.get("completedAt"))
    if start is None:
        return Row(y, key, (), status)
    return Row(y, key, (_bar(start, start if stop is None else stop, status, f"{key}: {status}"),))


def _links(steps: Sequence[Mapping[str, Any]], places: Mapping[str, Row]) -> Iterable[Link]:
    for step in steps:
        row = places[step["key"]]
        for needed in step["dependsOn"]:
            before = places.get(needed)
            if before is not None and before.bars and row.bars:
                x1, x2 = before.bars[-1].x + before.bars[-1].width, row.bars[0].x
                bend = min(x1, x2) + max(x2 - x1, 0) / 2
                yield Link(x1, before.y + ROW / 2, bend, x2, row.y + ROW / 2)


def _events(events: Iterable[Mapping[str, Any]], at: Place) -> Iterable[Point]:
    for event in events:
        x = at(event.get("at"))
        if x is not None and 0 <= x <= 100:
            about = f" {event['step']}" if event.get("step") else ""
            yield Point(x, f"{event['kind']}{about}")


def ticks(span: float) -> Iterable[float]:
    """At most nine round numbers of seconds."""
    rough = span / 8
    power = 10 ** math.floor(math.log10(rough))
    gap = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    return (gap * n for n in range(int(span / gap + 0.001) + 1))


def _description(seen: Mapping[str, Any], span: float) -> str:
    course = ", then ".join(str(change["status"]) for change in seen["changes"])
    return f"{seen['name']}: {course}; {len(seen['steps'])} steps in {span:g} s"
