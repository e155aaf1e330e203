"""Define the events of a run of the kit. The engine yields them, reporters consume them, and
neither knows the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from conformance.results.record import RunRecord
from conformance.results.report import Report
from conformance.results.result import Result
from conformance.vocabulary import State


@dataclass(frozen=True, slots=True)
class RunNotStarted:
    """There will be no run: the configuration is wrong or the target out of reach. The report says
    so to those who read it instead."""

    message: str
    hint: str
    report: Report


@dataclass(frozen=True, slots=True)
class WaitingForApi:
    """The target has not responded yet, for `seconds` of the `limit`."""

    seconds: float
    limit: float
    why: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The target limits requests, and is left alone for as many seconds as it asked for."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PlannedByRate:
    """The rate limit decides how long the run takes; `text` has the forecast."""

    text: str


@dataclass(frozen=True, slots=True)
class SetupFinished:
    """How runs are provided, and for each state "" or why there is none; `failed` went wrong. It
    comes from the file `config`, if there is one. `tenant` is that of a shard, without a secret."""

    provisioner: str
    states: Mapping[State, str]
    failed: frozenset[State]
    config: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The checks begin, with credentials in these ways, the usual one first; `again` are options
    that repeat the random choices."""

    base_url: str
    checks: int
    credentials: tuple[str, ...]
    again: str = ""


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A check begins."""

    requirement: str
    name: str


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check has ended."""

    result: Result


@dataclass(frozen=True, slots=True)
class RunFinished:
    """All is over; the report is the conclusion from the record."""

    report: Report
    record: RunRecord | None = None


Event = (
    RunNotStarted
    | WaitingForApi
    | RateLimited
    | PlannedByRate
    | SetupFinished
    | RunStarted
    | CheckStarted
    | CheckFinished
    | RunFinished
)


class Reporter(Protocol):
    """Consumes events, in order, on one thread."""

    def on(self, event: Event) -> None:
        """Take note of one."""
