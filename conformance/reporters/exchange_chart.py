"""Draw the exchanges of a failed check: a row for each request, a bar for each time that it was
sent, and a mark for each event of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conformance.reporters.run_chart import ROW, THIN, TOP, Point, ticks
from conformance.results.result import Result
from conformance.vocabulary import ROOT

MAX_ROWS = 30
_MAX_BARS = 100
_MAX_EVENTS = 200
_MAX_LABEL = 60
_MAX_ID = 8


@dataclass(frozen=True, slots=True)
class ExchangeBar:
    """An exchange from its request to the end of its response; `kind` is its colour: ok, error or
    none; `failing`: it shows the failure."""

    x: float
    width: float
    kind: str
    failing: bool
    title: str


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """A request with its exchanges and the events that came."""

    y: float
    label: str
    title: str
    bars: tuple[ExchangeBar, ...]
    events: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class ExchangeChart:
    """Where everything is: across in per cent of its width, down in pixels; `left_out` is the
    number of requests without a row."""

    height: float
    rows: tuple[ExchangeRow, ...]
    ticks: tuple[Point, ...]
    left_out: int
    description: str


def exchange_chart(result: Result) -> ExchangeChart | None:
    """Return the picture of a check that failed; None where its traffic is not kept."""
    exchanges: Sequence[Mapping[str, Any]] = (result.traffic or {}).get("exchanges", ())
    if not exchanges:
        return None
    begin = min(each["at"] for each in exchanges)
    end = max(each["at"] + each["seconds"] for each in exchanges)
    span = max(end - begin, 0.001)
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in sorted(exchanges, key=lambda one: float(one["at"])):
        groups.setdefault((each["method"], each["url"]), []).append(each)
    failing = result.failing_exchange
    # The newest, and the one that shows the failure.
    kept = list(groups.values())[-MAX_ROWS:]
    shows = [g for g in groups.values() if any(e["number"] == failing for e in g)]
    kept = [*(g for g in shows if g not in kept), *kept]
    rows = tuple(
        _row(TOP + ROW * n, group, failing, lambda at: 100 * (at - begin) / span)
        for n, group in enumerate(kept)
    )
    return ExchangeChart(
        height=TOP + ROW * len(rows),
        rows=rows,
        ticks=tuple(Point(100 * s / span, f"{s:g} s") for s in ticks(span)),
        left_out=len(groups) - len(kept),
        description=f"{len(exchanges)} exchanges in {span:.3g} s: "
        + ", ".join(row.label for row in rows),
    )


def _row(y: float, group: Sequence[Mapping[str, Any]], failing: int | None, at: Any) -> ExchangeRow:
    first = group[0]
    newest = [each for each in group if each["number"] == failing] + list(group[-_MAX_BARS:])
    bars = [_bar(each, failing, at) for each in {each["number"]: each for each in newest}.values()]
    events = [
        Point(min(at(each["at"] + event["at"]), 100), event["event"])
        for each in group
        for event in each["events"]
    ]
    return ExchangeRow(
        y,
        _label(first["method"], first["url"]),
        f"{first['method']} {first['url']}",
        tuple(bars),
        tuple(events[:_MAX_EVENTS]),
    )


def _bar(exchange: Mapping[str, Any], failing: int | None, at: Any) -> ExchangeBar:
    start, stop = at(exchange["at"]), at(exchange["at"] + exchange["seconds"])
    status = exchange["status"]
    came = exchange["note"] or "no response" if status is None else str(status)
    shows = exchange["number"] == failing
    return ExchangeBar(
        min(start, 100 - THIN),
        max(stop - start, THIN),
        "none" if status is None else "ok" if status < 400 else "error",
        shows,
        f"{came} after {exchange['seconds']:.3f} s" + (": shows the failure" if shows else ""),
    )


def _label(method: str, url: str) -> str:
    """Return the request in few characters: ids of runs are cut."""
    parts = urlsplit(url)
    path = parts.path.rpartition(ROOT)[2] if ROOT in parts.path else parts.path
    words = [word if len(word) <= 2 * _MAX_ID else f"{word[:_MAX_ID]}…" for word in path.split("/")]
    query = f"?{parts.query}" if parts.query else ""
    text = f"{method} …{'/'.join(words)}{query}"
    return text if len(text) <= _MAX_LABEL else f"{text[:_MAX_LABEL]}…"
