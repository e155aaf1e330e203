"""Counters of the process in Prometheus' text format.

Not a library, because every request is counted: one dictionary lookup, one bisection, two
additions.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from mock_server.journal.exchange import Exchange

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the duration buckets, in seconds."""

Sample = tuple[Mapping[str, str], float]


class Metrics:
    """The counters since the mock started."""

    def __init__(self) -> None:
        # By operation and status: the sum of the seconds, then the count of each bucket.
        self._requests: dict[tuple[str | None, int | None], list[float]] = {}
        self._faults: dict[str, int] = {}

    def count(self, exchange: Exchange) -> None:
        """Count an exchange that has ended, in the metrics and in its world's coverage."""
        duration = (exchange.ended or exchange.started) - exchange.started
        key = exchange.operation, exchange.status
        response_counts = exchange.journal.coverage.response_counts
        response_counts[key] = response_counts.get(key, 0) + 1
        series = self._requests.get(key)
        if series is None:
            series = self._requests[key] = [0.0] * (len(BOUNDS) + 2)
        series[0] += duration
        series[bisect_left(BOUNDS, duration) + 1] += 1
        for fault in exchange.faults:
            self._faults[fault] = self._faults.get(fault, 0) + 1

    def text(self) -> Iterator[str]:
        """Yield the metric families of requests and faults as text."""
        requests = [(_labels(*key), series) for key, series in self._requests.items()]
        yield family(
            "runs_mock_requests_total",
            "counter",
            "Requests of the contract that have ended, by operation and status.",
            [(labels, sum(series[1:])) for labels, series in requests],
        )
        yield _head(
            "runs_mock_request_duration_seconds",
            "histogram",
            "Real seconds from a request's arrival to the end of its response.",
        )
        for labels, series in requests:
            yield from _histogram("runs_mock_request_duration_seconds", labels, series)
        yield family(
            "runs_mock_faults_total",
            "counter",
            "Faults that were injected, by name.",
            [({"fault": name}, count) for name, count in self._faults.items()],
        )


def family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> str:
    """Return one metric family as text."""
    return _head(name, kind, help_) + "".join(
        f"{name}{_label_text(labels)} {_number_text(value)}\n" for labels, value in samples
    )


def _head(name: str, kind: str, help_: str) -> str:
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"


def _histogram(name: str, labels: Mapping[str, str], series: list[float]) -> Iterator[str]:
    total, *counts = series
    bounds = [*map(repr, BOUNDS), "+Inf"]
    for bound, below in zip(bounds, accumulate(counts), strict=True):
        yield f"{name}_bucket{_label_text({**labels, 'le': bound})} {_number_text(below)}\n"
    yield f"{name}_sum{_label_text(labels)} {total!r}\n"
    yield f"{name}_count{_label_text(labels)} {_number_text(sum(counts))}\n"


def _labels(operation: str | None, status: int | None) -> dict[str, str]:
    """Return the labels; without an operation for an unknown path or method, without a status for a
    request that ended before its response."""
    return {
        "operation": operation or "none",
        "status": "none" if status is None else str(status),
    }


def _label_text(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escape(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number_text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
