"""Test every response of a run against the rules that hold for all of them: a fault that one
unusual request triggers is found by any check that sends it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from conformance.client.json_text import has_lone_surrogate
from conformance.client.outages import is_gateway_error
from conformance.client.response import Response
from conformance.contract.schema import Schemas
from conformance.errors import CheckFailed
from conformance.vocabulary import ROOT, Level

Rule = Callable[[Response], CheckFailed | None]

_MAX_SCANNED = 64 * 1024
_MAX_PER_REQUIREMENT = 3
_EPOCH = 1_000_000_000
# Each repetition has a limit: the body is the target's, and a pattern must not take long on any.
_INTERNALS = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"\n]{1,300}\", line \d"
    r"|\bat [\w$.<>/]{1,200}\([\w$]{1,80}\.(?:java|kt|scala):\d"
    r"|\bat .{1,120}?[./\\\w-]\.[cm]?[jt]s:\d{1,9}:\d"
    r"|\bgoroutine \d{1,9} \[|\.go:\d{1,9} \+0x|\bin .{1,120}\.cs:line \d"
    r"|\bSystem\.\w{1,80}Exception\b"
    r"|\.rb:\d{1,9}:in |#\d{1,9} \S{1,200}\.php\(\d|\bpanicked at |\*\* \(\w{1,80}Error\)"
    r"|\bSQLSTATE\[|\bORA-\d{5}\b"
    r"|\b(?:psycopg2?|sqlalchemy|sqlite3|pymysql)\.(?:\w{1,80}\.){0,3}?\w{0,80}Error"
    r"|/site-packages/|\bWerkzeug Debugger\b",
    re.IGNORECASE,
)
_RATE_LIMIT_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def rules(schemas: Schemas) -> Mapping[str, Rule]:
    """The rules by the requirements that they decide."""

    def documented_error(response: Response) -> CheckFailed | None:
        return validation_error(response, schemas)

    return {
        "HTTP-03": success_is_json,
        "HTTP-04": no_server_error,
        "HTTP-05": error_has_reason,
        "HTTP-08": rate_limits,
        "HTTP-10": no_internals,
        "HTTP-11": documented_error,
    }


class RuleMonitor:
    """Apply the rules of the wanted requirements to every response, and keep the findings, also
    those of other monitors."""

    def __init__(self, found: Mapping[str, Rule], wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._rules = {name: rule for name, rule in found.items() if name in wanted}
        self._counts: dict[str, int] = {}
        self._new: dict[str, CheckFailed] = {}
        self._lock = threading.Lock()

    def wants(self, name: str) -> bool:
        """Whether this requirement is wanted at all."""
        return name in self._wanted

    def observe(self, response: Response) -> None:
        """Apply the rules to one response."""
        for name, rule in self._rules.items():
            failure = None if self._counts.get(name, 0) >= _MAX_PER_REQUIREMENT else rule(response)
            if failure is not None:
                self.note(name, failure)

    def note(self, name: str, failure: CheckFailed) -> None:
        """Keep a failure of a wanted requirement: the first few, one between calls of `take`."""
        if name not in self._wanted:
            return
        with self._lock:
            if name not in self._new and self._counts.get(name, 0) < _MAX_PER_REQUIREMENT:
                self._new[name] = failure
                self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, CheckFailed]:
        """Return the failures noted since the last call, at most one for each requirement."""
        with self._lock:
            taken, self._new = self._new, {}
            return taken


def success_is_json(response: Response) -> CheckFailed | None:
    """A successful response is JSON in UTF-8, and declares it, except for streams."""
    path = urlsplit(response.url).path
    is_operation = (
        ROOT in path and not path.endswith("/events") and response.method in ("GET", "POST")
    )
    if not is_operation or not 200 <= response.status < 300:
        return None
    charset = re.search(r"charset=\"?([\w-]+)", response.headers.get("content-type", ""), re.I)
    if response.media_type != "application/json":
        return _failure(response, f"its type is {response.media_type!r}, not application/json")
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        return _failure(response, f"its charset is {charset[1]}, not UTF-8")
    if (fault := _unreadable(response)) is not None:
        return fault
    if has_lone_surrogate(response.body.decode()):
        return _failure(response, "a text in its body has a lone surrogate, which is not Unicode")
    return None


def no_server_error(response: Response) -> CheckFailed | None:
    """No 5xx. An unknown method may be called not implemented, and a service may say
    when it will be back."""
    excused = (response.status == 501 and response.method not in ("GET", "POST")) or (
        response.status == 503 and "retry-after" in response.headers
    )
    if response.status < 500 or excused:
        return None
    return _failure(response, "a client's request must not be able to cause this")


def error_has_reason(response: Response) -> CheckFailed | None:
    """The body of a 4xx is JSON and says why (Q20)."""
    # A request that a gateway rejects does not reach the service.
    by_gateway = is_gateway_error(response.status, response.headers, response.body)
    if by_gateway or not 400 <= response.status < 500 or response.method == "HEAD":
        return None
    if response.media_type != "application/json" and not response.media_type.endswith("+json"):
        return _failure(response, f"its type is {response.media_type!r}, no kind of JSON")
    if (fault := _unreadable(response)) is not None:
        return fault
    value = response.json()
    if not isinstance(value, dict):
        return _failure(
            response, f"its body is {type(value).__name__}, not an object with a reason"
        )
    if not any(value.get(name) for name in ("detail", "title", "message", "error", "errors")):
        return _failure(response, f"its body gives no reason: it has {sorted(value)[:8]}")
    return None


def rate_limits(response: Response) -> CheckFailed | None:
    """The headers are numbers that agree with each other, and 429 says when to come back."""
    limits = {
        n: response.headers[n]
        for n in (*_RATE_LIMIT_HEADERS, "retry-after")
        if n in response.headers
    }
    if response.status == 429 and "retry-after" not in limits:
        return _failure(response, "it does not say when to come back (Retry-After)")
    if "retry-after" in limits and not _is_retry_after(limits["retry-after"]):
        return _failure(
            response, f"Retry-After is {limits['retry-after']!r}, no seconds and no date"
        )
    for name in _RATE_LIMIT_HEADERS:
        if name in limits and not re.fullmatch(r"\d{1,15}", limits[name]):
            return _failure(response, f"{name} is {limits[name]!r}, no whole number")
    limit, remaining, reset = (int(limits[n]) if n in limits else None for n in _RATE_LIMIT_HEADERS)
    if limit is not None and remaining is not None and remaining > limit:
        return _failure(response, f"{remaining} requests remain of {limit}")
    if reset is not None and reset < _EPOCH:
        return _failure(response, f"x-ratelimit-reset is {reset}, no seconds since 1970")
    return None


def mentions_rate_limit(response: Response) -> bool:
    """Whether there is something for `rate_limits` to look at."""
    return response.status == 429 or any(name in response.headers for name in _RATE_LIMIT_HEADERS)


def no_internals(response: Response) -> CheckFailed | None:
    """No stack trace or the like. A successful response has the data of runs, whose own
    errors may well hold one."""
    if response.status < 300:
        return None
    text = response.body[:_MAX_SCANNED].decode("utf-8", "replace")
    if found := _INTERNALS.search(text):
        return _failure(response, f"its body shows internals: {found[0][:80]!r}")
    return None


def validation_error(response: Response, schemas: Schemas) -> CheckFailed | None:
    """A 422 has the documented body."""
    if response.status != 422 or response.method == "HEAD":
        return None
    if response.media_type != "application/json":
        return _failure(response, f"its type is {response.media_type!r}, not application/json")
    if (unreadable := _unreadable(response)) is not None:
        return unreadable
    value = response.json()
    for fault in schemas.faults("ValidationError", value)[:1]:
        return _failure(response, fault.message, fault.level)
    if not isinstance(value.get("detail"), list):
        return _failure(response, f"its body has no array `detail`: it has {sorted(value)[:8]}")
    return None


def _unreadable(response: Response) -> CheckFailed | None:
    try:
        response.json()
    except CheckFailed as fault:
        return fault
    return None


def _failure(response: Response, why: str, level: Level | None = None) -> CheckFailed:
    return CheckFailed(f"{response.summary}: {why}", level=level, exchange=response.exchange)


def _is_retry_after(text: str) -> bool:
    if re.fullmatch(r"\d{1,9}", text):
        return True
    try:
        parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return False
    return True
