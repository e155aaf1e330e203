"""What is known of a client after a situation: its requests, and its reports if it makes any."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs

from mock_server.engine.enums import FINISHED, EventType, Operation
from mock_server.engine.run import Run
from mock_server.exam.report_line import Report, ShownError, ShownEvent, ShownRun, ShownRuns
from mock_server.journal.exchange import Exchange

READS = (Operation.GET_RUN, Operation.GET_RUN_STEPS, Operation.LIST_RUNS)
STREAM = Operation.STREAM_RUN_EVENTS
RENEWED = "renewed"
"""The user of the credential that a client gets when it asks for a new one."""

_RENEWED = re.compile(rf"(:|%3A){RENEWED}".encode(), re.IGNORECASE)
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"cookie"})
_FINAL = frozenset(f"run.{status}" for status in FINISHED)


@dataclass
class Evidence:
    """The evidence of one sitting.

    ``exchanges`` are in the order in which their responses began, ``run`` is the run of the client
    and ``run_ids`` are the runs that existed at the beginning. ``renewals`` are the moments at
    which the client asked for a new credential. ``problems`` has the number of each request that
    the contract does not allow, with the reason. ``reporting`` says that the client makes reports,
    so that it shows nothing where it reports nothing.
    """

    exchanges: Sequence[Exchange]
    reports: Sequence[Report]
    renewals: Sequence[float] = ()
    run: Run | None = None
    run_ids: frozenset[str] = frozenset()
    problems: Sequence[tuple[int, str]] = ()
    reporting: bool = False

    def of(self, *operations: Operation) -> list[Exchange]:
        """Return the exchanges of these operations in the order in which they were sent."""
        found = [one for one in self.exchanges if one.operation in operations]
        return sorted(found, key=lambda one: one.started)

    @cached_property
    def streams(self) -> list[Exchange]:
        """The requests for the event stream."""
        return self.of(STREAM)

    @cached_property
    def reads(self) -> list[Exchange]:
        """The requests that read without following."""
        return self.of(*READS)

    @cached_property
    def finished_at(self) -> int | None:
        """The instant at which the run finished; None while it has not."""
        if self.run is None or not self.run.finished:
            return None
        return next(event.at for event in reversed(self.run.log) if event.type in _FINAL)

    @cached_property
    def events(self) -> list[ShownEvent]:
        """The events that the client has shown."""
        return [one for one in self.reports if isinstance(one, ShownEvent)]

    @cached_property
    def statuses(self) -> list[str]:
        """The statuses of the run that the client has shown."""
        run_id = None if self.run is None else self.run.id
        return [
            one.status
            for one in self.reports
            if isinstance(one, ShownRun) and one.id in (None, run_id)
        ]

    @cached_property
    def errors(self) -> list[ShownError]:
        """The errors that the client has shown."""
        return [one for one in self.reports if isinstance(one, ShownError)]

    @cached_property
    def listed(self) -> list[str]:
        """The ids of the runs that the client has listed."""
        return [run_id for one in self.reports if isinstance(one, ShownRuns) for run_id in one.ids]


def numbers(exchanges: Sequence[Exchange]) -> tuple[int, ...]:
    """Return the numbers of the exchanges, the first twenty."""
    return tuple(one.number for one in exchanges[:20])


def last_event_id(exchange: Exchange) -> str | None:
    """Return the id after which a stream was requested, in the header or in the query."""
    for name, value in exchange.headers:
        if name == b"last-event-id":
            return value.decode("latin-1")
    return parse_qs(exchange.query.decode("latin-1")).get("lastEventId", [None])[0]


def is_renewed(exchange: Exchange) -> bool:
    """Return whether a request has the new credential."""
    return any(
        name in _CREDENTIALS and _RENEWED.search(value) is not None
        for name, value in exchange.headers
    )


def ended(exchange: Exchange) -> float:
    """Return when the response ended in real seconds; infinity while it is sent."""
    return float("inf") if exchange.ended is None else exchange.ended


def is_known(event: str) -> bool:
    """Return whether the contract has that type of event."""
    return event in set(EventType)
