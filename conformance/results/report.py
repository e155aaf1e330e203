"""Define the outcome of a complete run: a verdict for each requirement, the observations, and the
exit code. The JSON report has the same content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance import __version__
from conformance.catalogue.open_questions import ObservedAnswer
from conformance.catalogue.requirements import Requirement
from conformance.fuzz.config import FuzzConfig
from conformance.results.exit_code import WORDS, exit_code
from conformance.results.record import Shard
from conformance.results.result import Result
from conformance.results.root_causes import causes
from conformance.results.waivers import Waiver
from conformance.vocabulary import ExitCode, State, Untested, Verdict

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement with the results of its checks, the worst of which is its verdict; the
    waiver that is in force for it, and the requirement that it only follows from, if any."""

    requirement: Requirement
    results: tuple[Result, ...]
    waiver: Waiver | None = None
    caused_by: str = ""

    @property
    def worst(self) -> Result:
        """The result that decides."""
        return min(self.results, key=lambda result: result.verdict.rank)

    @property
    def verdict_before_waiver(self) -> Verdict:
        """Return the verdict of the checks, regardless of waivers."""
        return self.worst.verdict

    @property
    def verdict(self) -> Verdict:
        """Return the verdict on the requirement; a tolerated failure is waived."""
        return (
            Verdict.WAIVED
            if self.waiver and self.verdict_before_waiver.fails
            else self.verdict_before_waiver
        )

    @property
    def untested(self) -> Untested | None:
        """Why it was not tested; None if it was."""
        match self.verdict_before_waiver:
            case Verdict.ERROR:
                return Untested.SETUP
            case Verdict.UNSUPPORTED:
                return Untested.UNSUPPORTED
            case Verdict.INCONCLUSIVE if self.caused_by:
                return Untested.SAME_FAULT
            case Verdict.INCONCLUSIVE:
                return self.worst.reason or Untested.PRECONDITION
            case _:
                return None

    def to_json(self) -> dict[str, Any]:
        """The entry as the report has it."""
        r = self.requirement
        return {
            "id": r.id,
            "statement": r.statement,
            "level": r.level.value,
            "operation": r.operation.value if r.operation else None,
            "source": r.source,
            "question": r.question,
            "verdict": self.verdict.value,
            "verdictBeforeWaiver": self.verdict_before_waiver.value,
            "waiver": self.waiver.to_json()
            if self.waiver and self.verdict_before_waiver.fails
            else None,
            "causedBy": self.caused_by or None,
            "untested": self.untested.value if self.untested else None,
            "contractLocation": self.worst.contract_location or None,
            "message": self.worst.message,
            "curl": self.worst.curl,
            "checks": [
                {
                    "name": result.check,
                    "verdict": result.verdict.value,
                    "message": result.message,
                    "seconds": result.seconds,
                    "requests": result.requests,
                    "failingExchange": result.failing_exchange,
                    "exchanges": [e.to_json() for e in result.exchanges],
                }
                for result in self.results
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Entries in the catalogue's order. `problem` says why the run is incomplete, if it is, `hints`
    how to remove it, where that is known; `stale_waivers` has a line for each expired or unused
    waiver, `not_run` the requirements that were selected and not reached, `credentials` the ways
    they were presented in, the usual one first, `tenants` those of shards, without a secret,
    `notes` the limits of how far the result can be relied on, `fail_on` the verdicts that count as
    failures apart from violations, which always do. That of a `shard` is about its own checks, and
    no verdict."""

    base_url: str
    contract: str
    provisioner: str
    states: Mapping[State, str]
    entries: tuple[Entry, ...]
    strict: bool
    started: str
    seconds: float
    problem: str = ""
    interrupted: bool = False
    observations: Mapping[str, ObservedAnswer] = field(default_factory=dict)
    fuzz: FuzzConfig = field(default_factory=FuzzConfig)
    credentials: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    config: str = ""
    contract_digest: str = ""
    catalogue: str = "latest"
    catalogue_digest: str = ""
    stale_waivers: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fail_on: frozenset[Verdict] = frozenset({Verdict.VIOLATION})
    shard: Shard | None = None
    hints: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many requirements have each verdict; all verdicts are there."""
        found = Counter(entry.verdict for entry in self.entries)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code, see `conformance.results.exit_code`."""
        return exit_code(self)

    @property
    def tested(self) -> int:
        """How many requirements were tested with a result."""
        decided = (Verdict.PASS, Verdict.DEVIATION, Verdict.VIOLATION)
        return sum(entry.verdict_before_waiver in decided for entry in self.entries)

    @property
    def untested(self) -> dict[Untested, tuple[str, ...]]:
        """The requirements that were not tested, by the reason; reasons without any are left
        out."""
        found: dict[Untested, list[str]] = {}
        for entry in self.entries:
            if entry.untested is not None:
                found.setdefault(entry.untested, []).append(entry.requirement.id)
        if self.not_run:
            why = Untested.INTERRUPTED if self.interrupted else Untested.BUDGET
            found.setdefault(why, []).extend(self.not_run)
        return {reason: tuple(found[reason]) for reason in Untested if reason in found}

    @property
    def gating_untested(self) -> tuple[str, ...]:
        """Return the requirements that count as failures because they were not tested: one that
        only follows from a waived failure does not."""
        if Verdict.INCONCLUSIVE not in self.fail_on:
            return ()
        waived = {e.requirement.id for e in self.entries if e.verdict is Verdict.WAIVED}
        open_ = [
            e.requirement.id
            for e in self.entries
            if e.verdict is Verdict.INCONCLUSIVE
            and e.untested is not None
            and e.untested.gates
            and e.caused_by not in waived
        ]
        return (*open_, *self.not_run)

    @property
    def lost(self) -> tuple[str, ...]:
        """The requirements that were not tested because the connection to the target was lost, or
        the credential expired."""
        untested = self.untested
        return (*untested.get(Untested.LOST, ()), *untested.get(Untested.EXPIRED, ()))

    @property
    def coverage(self) -> str:
        """Return how many of the selected requirements were tested, and why others were not."""
        tested = f"{self.tested} of {self.selected} requirement{'s' * (self.selected != 1)} tested"
        rest = ", ".join(f"{len(ids)} {reason.value}" for reason, ids in self.untested.items())
        return f"{tested}; not tested: {rest}" if rest else tested

    @property
    def selected(self) -> int:
        """How many requirements were selected."""
        return len(self.entries) + len(self.not_run)

    @property
    def runs(self) -> tuple[dict[str, Any], ...]:
        """Return the observed histories of runs, each kind of run once."""
        seen = (run for entry in self.entries for result in entry.results for run in result.runs)
        return tuple({run["name"]: run for run in seen}.values())

    def consequences(self, entry: Entry) -> tuple[Entry, ...]:
        """The entries that only follow from this one."""
        return tuple(e for e in self.entries if e.caused_by == entry.requirement.id)

    @property
    def conclusion(self) -> str:
        """Return the exit code in words."""
        return WORDS[self.exit_code]

    @property
    def headline(self) -> str:
        """The conclusion, and the deviations that it passes over."""
        if self.shard is not None:
            return f"shard {self.shard}: {self._of_shard}"
        count = self.counts[Verdict.DEVIATION]
        if self.exit_code is ExitCode.NO_VERDICT and self.gating_untested:
            untested = len(self.gating_untested)
            return f"{self.conclusion}: {untested} not tested, which --fail-on counts"
        if self.exit_code is not ExitCode.CONFORMANT or not count:
            return self.conclusion
        return f"{self.conclusion}, with {count} deviation{'s' * (count > 1)} that --strict counts"

    @property
    def _of_shard(self) -> str:
        if self.exit_code is ExitCode.CONFORMANT:
            return "no failures in this part; the verdict is that of all parts"
        return "incomplete" if self.exit_code is ExitCode.NO_VERDICT else self.conclusion

    def to_json(self) -> dict[str, Any]:
        """The report as it is published: see report.schema.json."""
        return {
            "format": FORMAT,
            "kit": __version__,
            "catalogue": self.catalogue,
            "catalogueDigest": self.catalogue_digest,
            "contract": self.contract,
            "contractDigest": self.contract_digest,
            "baseUrl": self.base_url,
            "credentials": list(self.credentials),
            "tenants": list(self.tenants),
            "config": self.config,
            "started": self.started,
            "seconds": self.seconds,
            "strict": self.strict,
            "failOn": sorted(self.fail_on | {Verdict.VIOLATION}, key=list(Verdict).index),
            "coverage": self.coverage,
            "untested": {reason.value: list(ids) for reason, ids in self.untested.items()},
            "fuzz": {"cases": self.fuzz.cases, "seed": self.fuzz.seed},
            "conclusion": self.conclusion,
            "exitCode": int(self.exit_code),
            "problem": self.problem,
            "notes": list(self.notes),
            "staleWaivers": list(self.stale_waivers),
            "notRun": list(self.not_run),
            "counts": {verdict.value: n for verdict, n in self.counts.items()},
            "provisioner": self.provisioner,
            "states": {state.value: why for state, why in self.states.items()},
            "observations": {q: seen.to_json() for q, seen in self.observations.items()},
            "runs": list(self.runs),
            "requirements": [entry.to_json() for entry in self.entries],
        }


def entries_from(
    requirements: Iterable[Requirement],
    results: Iterable[Result],
    waivers: Iterable[Waiver] = (),
) -> tuple[Entry, ...]:
    """The results by requirement, in the order of the requirements; those without are left out.
    Of the waivers that cover a requirement the first counts."""
    in_force = list(waivers)
    by_id: dict[str, list[Result]] = {}
    for result in results:
        by_id.setdefault(result.requirement, []).append(result)
    entries = [
        Entry(r, tuple(by_id[r.id]), next((w for w in in_force if w.covers(r.id)), None))
        for r in requirements
        if r.id in by_id
    ]
    roots = causes({entry.requirement.id: entry.worst for entry in entries})
    return tuple(replace(e, caused_by=roots.get(e.requirement.id, "")) for e in entries)


def find_stale(
    waivers: Iterable[Waiver], entries: Iterable[Entry], known: Iterable[str], today: str
) -> tuple[str, ...]:
    """A line for each waiver that is out of date, and for each that is needed no more: all that it
    covers of the `known` requirements passed."""
    found = {entry.requirement.id: entry.verdict_before_waiver for entry in entries}
    ids = list(known)
    lines: list[str] = []
    for waiver in waivers:
        about = f"{waiver.where} ({', '.join(waiver.patterns)}, {waiver.owner})"
        if waiver.expired(today):
            lines.append(f"{about} expired on {waiver.expires}: renew or remove it.")
        elif all(found.get(each) is Verdict.PASS for each in ids if waiver.covers(each)):
            lines.append(f"{about} is unused, everything that it covers passes: remove it.")
    return tuple(lines)


def unobserved(base_url: str, started: str) -> Report:
    """Return the report of a run in which no check was run."""
    return Report(base_url, "", "", {}, (), strict=False, started=started, seconds=0.0)
