"""Counters of the process in the text format that Prometheus reads.

Written by hand, since counting is on the way of every request: one dictionary look-up, one
bisection, two additions.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from mock_server.journal.exchange import Exchange

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the durations' buckets, in seconds."""

Sample = tuple[Mapping[str, str], float]


class Metrics:
    """What was counted since the mock started."""

    def __init__(self) -> None:
        # By operation and status: the seconds in all, then how many in each bucket.
        self._requests: dict[tuple[str | None, int | None], list[float]] = {}
        self._faults: dict[str, int] = {}

    def count(self, exchange: Exchange) -> None:
        """The exchange is over; its world is told as well."""
        took = (exchange.ended or exchange.began) - exchange.began
        key = exchange.operation, exchange.status
        answers = exchange.journal.coverage.answers
        answers[key] = answers.get(key, 0) + 1
        series = self._requests.get(key)
        if series is None:
            series = self._requests[key] = [0.0] * (len(BOUNDS) + 2)
        series[0] += took
        series[bisect_left(BOUNDS, took) + 1] += 1
        for fault in exchange.faults:
            self._faults[fault] = self._faults.get(fault, 0) + 1

    def text(self) -> Iterator[str]:
        """The families that are counted here, as text."""
        requests = [(_labels(*key), series) for key, series in self._requests.items()]
        yield family(
            "runs_mock_requests_total",
            "counter",
            "Requests of the contract that are over, by operation and status.",
            [(labels, sum(series[1:])) for labels, series in requests],
        )
        yield _head(
            "runs_mock_request_duration_seconds",
            "histogram",
            "Real seconds from a request's arrival to the end of its answer.",
        )
        for labels, series in requests:
            yield from _histogram("runs_mock_request_duration_seconds", labels, series)
        yield family(
            "runs_mock_faults_total",
            "counter",
            "Faults that were played, by name.",
            [({"fault": name}, count) for name, count in self._faults.items()],
        )


def family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> str:
    """One family of samples, each with its labels, as text."""
    return _head(name, kind, help_) + "".join(
        f"{name}{_written(labels)} {_number(value)}\n" for labels, value in samples
    )


def _head(name: str, kind: str, help_: str) -> str:
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"


def _histogram(name: str, labels: Mapping[str, str], series: list[float]) -> Iterator[str]:
    total, *counts = series
    bounds = [*map(repr, BOUNDS), "+Inf"]
    for bound, below in zip(bounds, accumulate(counts), strict=True):
        yield f"{name}_bucket{_written({**labels, 'le': bound})} {_number(below)}\n"
    yield f"{name}_sum{_written(labels)} {total!r}\n"
    yield f"{name}_count{_written(labels)} {_number(sum(counts))}\n"


def _labels(operation: str | None, status: int | None) -> dict[str, str]:
    """No operation: an unknown path or method; no status: broken off before the answer."""
    return {
        "operation": operation or "none",
        "status": "none" if status is None else str(status),
    }


def _written(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
