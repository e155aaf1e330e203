"""Hold one request and its response as they passed by. Times are seconds since the observation
began; header names are in lower case. A body is None where it is not known: not recorded, cut at a
limit, or compressed in a way that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from conformance.client.response import media_type
from conformance.vocabulary import ROOT, RUN_OPERATIONS, Operation

Pairs = tuple[tuple[str, str], ...]

_SUFFIXES = {operation.path("").removeprefix(f"{ROOT}/"): operation for operation in RUN_OPERATIONS}


def pairs(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Return header fields with their names in lower case."""
    return tuple((name.lower(), value) for name, value in headers)


def first_values(headers: Pairs) -> dict[str, str]:
    """Return the header fields as a mapping; of repeated fields the first counts."""
    return dict(reversed(headers))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request leads within the contract: the operation, or None for a path that the
    contract does not have, and the id of the run as sent."""

    operation: Operation | None
    run_id: str = ""


@dataclass(frozen=True)
class ObservedRequest:
    """A request. `target` is the path with the query, as sent; `where` says where the request was
    seen. `hidden`: the recording may lack the headers that carry credentials. `origin` is the
    address that it was sent to, if that is known for each request. `malformed` are its deviations
    from the syntax of HTTP."""

    method: str
    target: str
    headers: Pairs
    body: bytes | None
    at: float
    where: str
    hidden: bool = False
    origin: str = ""
    malformed: tuple[str, ...] = ()

    @cached_property
    def values(self) -> dict[str, str]:
        """The header fields by name."""
        return first_values(self.headers)

    @property
    def path(self) -> str:
        """The path as sent."""
        return self.target.partition("#")[0].partition("?")[0]

    @property
    def query(self) -> str:
        """The query as sent, without the question mark."""
        return self.target.partition("#")[0].partition("?")[2]

    @cached_property
    def place(self) -> Place | None:
        """The place in the contract; None if the request is about something else."""
        before, found, rest = self.path.partition(ROOT)
        if not found or (rest and not rest.startswith("/")) or (before and before[0] != "/"):
            return None
        if not rest:
            return Place(Operation.LIST)
        run_id, slash, suffix = rest[1:].partition("/")
        operation = _SUFFIXES.get(slash + suffix) if run_id else None
        return Place(operation, unquote(run_id))


@dataclass(frozen=True)
class ObservedResponse:
    """A response: `at` is when its head came, `end` when it was complete, or cut off. `bare`: only
    its status code is known."""

    status: int
    headers: Pairs
    body: bytes | None
    at: float
    end: float
    complete: bool = True
    bare: bool = False

    @cached_property
    def values(self) -> dict[str, str]:
        """The header fields by name."""
        return first_values(self.headers)

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream."""
        return media_type(self.values) == "text/event-stream"


@dataclass(frozen=True, slots=True)
class ObservedExchange:
    """A request with its response; `response` is None if none came, `note` says why."""

    request: ObservedRequest
    response: ObservedResponse | None
    note: str = ""
