"""Distinguish outages from faults of the service. A gateway in front of the service has its own
errors, connections are closed between requests, and a service restarts: such a request is sent
again where that is safe, and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance import deadline
from conformance.client.response import Response, media_type
from conformance.errors import ConnectionRefused, NoResponse

# Requests that change nothing.
_SAFE = ("GET", "HEAD", "OPTIONS")
# Status codes of a gateway that has no service, or that does not pass a request on.
_NO_SERVICE = (502, 503, 504)
_NOT_PASSED_ON = (408, 413, 414, 431)
# Names that gateways write into the pages that they make up.
_SIGNATURES = (
    b"<center>nginx",
    b"<center>openresty",
    b"cloudflare",
    b"<center><h1>4",
    b"upstream connect error",
    b"haproxy",
    b"varnish cache server",
)
# Seconds to wait before each repetition, where the connection broke and where nothing listens.
_BROKEN = (0.05, 0.1, 0.2, 0.4, 0.8)
_REFUSED = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
# Seconds kept for the response that comes at last.
_RESERVE = 1.0


def is_gateway_error(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the response is the error of a gateway in front of the service, and not the
    service's: header names are in lower case."""
    kind = media_type(headers)
    if status < 400 or kind == "application/json" or kind.endswith("+json"):
        return False
    if status in (*_NO_SERVICE, *_NOT_PASSED_ON):
        return kind in ("", "text/html", "text/plain")
    return any(signature in body[:4096].lower() for signature in _SIGNATURES)


def no_service(response: Response) -> bool:
    """Whether a gateway says that it has no service to pass the request on to."""
    return response.status in _NO_SERVICE and is_gateway_error(
        response.status, response.headers, response.body
    )


@dataclass(slots=True)
class OutageStats:
    """How many requests were sent again because of an outage, how many of those got a response
    then, and how many responses were a gateway's."""

    repeated: int = 0
    recovered: int = 0
    gateway: int = 0

    def __add__(self, more: OutageStats) -> OutageStats:
        return OutageStats(
            self.repeated + more.repeated,
            self.recovered + more.recovered,
            self.gateway + more.gateway,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for the report; empty if there was no outage."""
        if not self.repeated:
            return ()
        times = "request" if self.repeated == 1 else "requests"
        by_gateway = f", {self.gateway} of them after an error of a gateway" if self.gateway else ""
        return (
            f"Outages: {self.repeated} {times} sent again{by_gateway}; {self.recovered} got a "
            f"response then. Read the log of the service and of what is in front of it.",
        )


@dataclass(slots=True)
class Outages:
    """Outages of one target. `seen` counts the requests that met one."""

    stats: OutageStats = field(default_factory=OutageStats)
    seen: int = 0
    _has_responded: bool = False
    _persistent: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def responded(self, method: str, path: str, attempts: int) -> None:
        """Note a response of the service after this many repetitions."""
        with self._lock:
            self._has_responded = True
            self._persistent.discard(_kind(method, path))
            self.stats.recovered += bool(attempts)

    def persists(self, method: str, path: str) -> bool:
        """Whether requests like this one met an outage that did not pass."""
        return _kind(method, path) in self._persistent

    def pause(
        self, method: str, path: str, met: NoResponse | Response, attempts: int
    ) -> float | None:
        """Return how many seconds to wait before the request is sent again; None if it should not
        be: that is not safe, it was done often enough, or did not help such requests before."""
        refused = isinstance(met, ConnectionRefused)
        if isinstance(met, NoResponse) and not met.broken:
            return None
        with self._lock:
            self.seen += attempts == 0
            if not self._has_responded or _kind(method, path) in self._persistent:
                return None
            if not refused and method not in _SAFE:
                self._persistent.add(_kind(method, path))
                return None
            pauses = _BROKEN if isinstance(met, NoResponse) and not refused else _REFUSED
            late = attempts < len(pauses) and deadline.left(float("inf")) < (
                pauses[attempts] + _RESERVE
            )
            if attempts >= len(pauses) or late:
                self._persistent.add(_kind(method, path))
                return None
            self.stats.repeated += attempts == 0
            self.stats.gateway += attempts == 0 and isinstance(met, Response)
            return pauses[attempts]


def wait(seconds: float) -> None:
    """Let an outage pass."""
    time.sleep(seconds)


def _kind(method: str, path: str) -> tuple[str, str]:
    """Requests of one kind meet the same fault: those of one operation."""
    last = path.rpartition("/")[2]
    return method, last if last.isalpha() else "run"
