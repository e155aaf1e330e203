"""Expectations of recorded requests: how many match, in which order, and which came nearest.

An expectation is an object as in ``POST /_mock/verify``, validated before. Its matchers are
``method``, ``path``, ``operation``, ``status``, ``query``, ``headers``, ``body`` and ``exactBody``;
``count``, ``atLeast`` and ``atMost`` are the number of requests that match all of them.
"""

import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from mock_server.engine.run_state import Json
from mock_server.journal.exchange import Exchange
from mock_server.journal.redaction import Redaction

_MAX_NEAREST = 3
_MAX_SHOWN = 200
_MATCHERS = ("method", "path", "operation", "status", "query", "headers", "body", "exactBody")
_UNKNOWN = object()


class Request:
    """What expectations compare of an exchange, each read once."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters."""
        return parse_qsl(self.exchange.query.decode("latin-1"), keep_blank_values=True)

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """The headers, by their names in lower case."""
        return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in self.exchange.headers]

    @cached_property
    def body(self) -> Any:
        """The JSON of the body, None without one."""
        content = self.exchange.body
        if content:
            try:
                return json.loads(content)
            except ValueError:
                return _UNKNOWN
        lengths = dict(self.exchange.headers)
        has_body = lengths.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in lengths
        return _UNKNOWN if has_body else None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A matcher that does not match: where, what it expects, and the text that the request has."""

    at: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.at}: expected {self.expected}, got {self.got}"


class Expectation:
    """One expectation of the requests in a journal.

    Raise ValueError for numbers of requests that contradict each other.
    """

    def __init__(self, given: Json) -> None:
        if "count" in given and given.keys() & {"atLeast", "atMost"}:
            raise ValueError("count stands for atLeast and atMost; leave these out")
        if given.get("atLeast", 0) > given.get("atMost", math.inf):
            raise ValueError("atLeast is greater than atMost")
        self._given = given
        minimum: int = given.get("atLeast", 0 if "atMost" in given else 1)
        self.minimum: int = given.get("count", minimum)
        self.maximum: int | None = given.get("count", given.get("atMost"))

    def __str__(self) -> str:
        """Return the matchers on one line."""
        shown = {name: self._given[name] for name in _MATCHERS if name in self._given}
        return _show(shown) if shown else "any request"

    def mismatches(self, request: Request) -> list[Mismatch]:
        """Return why the request does not match; nothing for one that does."""
        return list(self._compare(request))

    def problem(self, matched: int) -> str | None:
        """Return what is wrong with that number of matching requests; None if it is right."""
        if matched >= self.minimum and (self.maximum is None or matched <= self.maximum):
            return None
        if self.minimum == self.maximum:
            wanted = f"exactly {self.minimum}"
        elif self.maximum is None:
            wanted = f"at least {self.minimum}"
        elif self.minimum:
            wanted = f"{self.minimum} to {self.maximum}"
        else:
            wanted = f"at most {self.maximum}"
        return f"{self}: expected {wanted}, got {matched}"

    def _compare(self, request: Request) -> Iterator[Mismatch]:
        given, exchange = self._given, request.exchange
        for name, got in (
            ("method", exchange.method),
            ("operation", exchange.operation or "none"),
        ):
            if name in given and given[name] != got:
                yield Mismatch(name, given[name], got)
        if "path" in given and not _matches(given["path"], [exchange.path]):
            yield Mismatch("path", _show(given["path"]), exchange.path)
        if "status" in given:
            status = str(exchange.status)
            if not status.startswith(str(given["status"]).rstrip("x")):
                yield Mismatch("status", str(given["status"]), status)
        if "query" in given:
            yield from _compare_fields("query", given["query"], request.query)
        if "headers" in given:
            lower = {name.lower(): matcher for name, matcher in given["headers"].items()}
            yield from _compare_fields("headers", lower, request.headers)
        if "body" in given or "exactBody" in given:
            body = request.body
            shown = "one that is not JSON or was not recorded" if body is _UNKNOWN else _show(body)
            if "exactBody" in given and not _equal(given["exactBody"], body):
                yield Mismatch("body", _show(given["exactBody"]), shown)
            if "body" in given and not _contains(body, given["body"]):
                yield Mismatch("body", f"at least {_show(given['body'])}", shown)


def verify(
    exchanges: Sequence[Exchange],
    expectations: Sequence[Expectation],
    *,
    in_order: bool = False,
    no_others: bool = False,
) -> Generator[None, None, Json]:
    """Compare the requests with the expectations; return a ``Verification`` of the control API.

    It yields between requests, because there may be many.
    """
    ordered = sorted(exchanges, key=lambda exchange: exchange.number)
    requests = list(map(Request, ordered))
    results: list[Json] = []
    for expectation in expectations:
        compared: list[tuple[Exchange, list[Mismatch]]] = []
        for request in requests:
            compared.append((request.exchange, expectation.mismatches(request)))
            yield
        results.append(_result(expectation, compared))
    problems = [result["message"] for result in results if result["message"]]
    if in_order and not problems:
        problems += _order_problem(expectations, results)
    if no_others:
        matched = {number for result in results for number in result["requests"]}
        others = [one for one in ordered if one.number not in matched]
        if others:
            problems.append(f"expected no other requests, got {_list(others)}")
    return {
        "verified": not problems,
        "message": "\n".join(problems) or None,
        "expectations": results,
    }


def _result(expectation: Expectation, compared: list[tuple[Exchange, list[Mismatch]]]) -> Json:
    matched = [one for one, mismatches in compared if not mismatches]
    problem = expectation.problem(len(matched))
    nearest: list[Json] = []
    if problem is not None and len(matched) < expectation.minimum:
        missed = sorted(
            ((one, found) for one, found in compared if found),
            # The newest of those that differ least.
            key=lambda pair: (_distance(pair[1]), -pair[0].number),
        )
        nearest = [_near_miss(*pair) for pair in missed[:_MAX_NEAREST]]
        for each in nearest[:1]:
            problem += (
                f"; nearest: request {each['number']}, {each['method']} {each['path']}: "
                f"{'; '.join(each['mismatches'])}"
            )
        if not nearest and not matched:
            problem += "; the journal has no requests"
    elif problem is not None:
        problem += f": {_list(matched)}"
    return {
        "matched": len(matched),
        "requests": [one.number for one in matched],
        "message": problem,
        "nearest": nearest,
    }


def _order_problem(expectations: Sequence[Expectation], results: list[Json]) -> Iterator[str]:
    """Yield the first expectation whose requests do not come after those of the ones before it."""
    last = 0
    for position, (expectation, result) in enumerate(zip(expectations, results, strict=True), 1):
        for _ in range(expectation.minimum):
            after = next((number for number in result["requests"] if number > last), None)
            if after is None:
                yield (
                    f"{expectation}: expected number {position} in order, after request {last}, "
                    f"got requests {', '.join(map(str, result['requests']))}"
                )
                return
            last = after


def _distance(mismatches: list[Mismatch]) -> float:
    """Return how much a request differs: another path or operation counts more than a field."""
    return sum(2.0 if one.at in {"path", "operation"} else 1.0 for one in mismatches)


def _near_miss(exchange: Exchange, mismatches: list[Mismatch]) -> Json:
    redaction = Redaction(exchange.headers, exchange.query, exchange.tenant)
    return {
        "number": exchange.number,
        "method": exchange.method,
        "path": redaction.text(exchange.path),
        "mismatches": [
            str(Mismatch(one.at, one.expected, redaction.text(one.got))) for one in mismatches
        ],
    }


def _list(exchanges: Sequence[Exchange]) -> str:
    shown = [f"{one.number} ({one.method} {one.operation or 'none'})" for one in exchanges]
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return f"requests {', '.join(shown[:10])}{more}"


def _compare_fields(
    where: str, given: Mapping[str, Any], sent: Sequence[tuple[str, str]]
) -> Iterator[Mismatch]:
    for name, matcher in given.items():
        values = [value for key, value in sent if key == name]
        if not _matches(matcher, values):
            shown = ", ".join(map(_show, values)) or "none"
            yield Mismatch(f"{where}.{name}", _show(matcher), shown)


def _matches(matcher: Any, values: Sequence[str]) -> bool:
    """Return whether one of ``values`` matches, or, with ``absent``, whether there are none."""
    if not isinstance(matcher, dict):
        text = matcher if isinstance(matcher, str) else json.dumps(matcher)
        return text in values
    if "absent" in matcher:
        return bool(values) is not matcher["absent"]
    # Of the wildcards of fnmatch only two are documented.
    like = matcher.get("like", "*").replace("[", "[[]")
    return any(
        matcher.get("contains", "") in value and fnmatchcase(value, like) for value in values
    )


def _contains(value: Any, part: Any) -> bool:
    """Return whether an object has at least the members of ``part``; any other value is equal."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(
            key in value and _contains(value[key], inner) for key, inner in part.items()
        )
    return _equal(part, value)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, true is not 1."""
    if other is _UNKNOWN:
        return False
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
