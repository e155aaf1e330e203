"""Hold everything that the conclusion of a run rests on, as data: the results, and the
circumstances under which they were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance import __version__
from conformance.fuzz.config import FuzzConfig
from conformance.results.result import Result
from conformance.results.waivers import Waiver
from conformance.vocabulary import State, Verdict


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of a run, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True, slots=True)
class Terms:
    """The part of the configuration that the verdict depends on; times are in seconds. Credentials
    are the security schemes of the tenant under test and of the other one; `options` are other
    options that decide verdicts, each with its value or a digest."""

    catalogue: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    fail_on: frozenset[Verdict]
    fuzz: FuzzConfig
    waivers: tuple[Waiver, ...]
    credentials: tuple[str, ...]
    other_credentials: tuple[str, ...]
    provision: str
    read_only: bool
    timeout: float
    patience: float
    settle: float
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The course of a run. It began at `started` (RFC 3339) and took so many seconds; `problem`
    says why it is incomplete, `notes` limit how far it can be relied on, `came_late` are the
    transitions that came after the kit had given them up.

    A shard has the requirements of its own checks in `planned`, in `division` a digest of how
    the checks were divided, and in `run_id` the name of the run that it belongs to, if it has one;
    `tenants` names its tenant, without a secret.
    """

    terms: Terms
    contract: str
    contract_digest: str
    catalogue_digest: str
    base_url: str
    config: str
    provisioner: str
    states: Mapping[State, str]
    started: str
    seconds: float
    problem: str
    interrupted: bool
    notes: tuple[str, ...]
    results: tuple[Result, ...]
    came_late: frozenset[str] = frozenset()
    shard: Shard | None = None
    planned: tuple[str, ...] = ()
    division: str = ""
    run_id: str = ""
    tenants: tuple[str, ...] = ()
    kit: str = field(default=__version__)
