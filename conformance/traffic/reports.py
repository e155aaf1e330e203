"""Conclude an observation: one report on the server and one on the client, in the terms of a run of
the kit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.catalogue.requirements import Catalogue
from conformance.catalogue.requirements import load as load_catalogue
from conformance.catalogue.versions import load_version
from conformance.contract.contract import load as load_contract
from conformance.reporters.terminal import counted
from conformance.results.report import Report, entries_from, find_stale
from conformance.traffic.findings import Findings
from conformance.traffic.judge import Counts, Judge
from conformance.traffic.settings import TrafficSettings
from conformance.vocabulary import ExitCode, FileKind, Verdict

_CLIENT_FILE = Path(__file__).parent / "client_requirements.yaml"
_SUFFIX = "-client"


@cache
def client_catalogue() -> Catalogue:
    """Return the requirements of clients."""
    return load_catalogue(_CLIENT_FILE)


@dataclass(frozen=True, slots=True)
class Observation:
    """When it began (RFC 3339), how many seconds it took, and what was observed: the address of a
    target, or a file. `provisioner` is proxy or recording."""

    subject: str
    started: str
    seconds: float
    provisioner: str
    interrupted: bool = False

    @staticmethod
    def now() -> str:
        """Return the present time."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def reports_of(
    judge: Judge, settings: TrafficSettings, seen: Observation, problem: str = ""
) -> tuple[Report, Report]:
    """Return the report on the server and that on the client."""
    notes = tuple(_notes(judge.counts))
    server = _report(judge.server, load_version(settings.catalogue), settings, seen, problem, notes)
    client = _report(judge.client, client_catalogue(), settings, seen, problem, notes)
    return server, client


def client_files(files: Mapping[FileKind, Path]) -> dict[FileKind, Path]:
    """Return the files for the report on the client: report.json becomes report-client.json."""
    return {
        kind: path.with_name(f"{path.stem}{_SUFFIX}{path.suffix}")
        for kind, path in files.items()
        if path.is_file() or not path.exists()
    }


def combined_exit_code(*reports: Report) -> ExitCode:
    """Return the exit code of both sides: a side that was not exercised does not count if the other
    was."""
    tested = [report for report in reports if report.tested]
    codes = {report.exit_code for report in tested or reports}
    order = (ExitCode.NOT_CONFORMANT, ExitCode.NO_VERDICT, ExitCode.INTERRUPTED)
    return next((code for code in order if code in codes), ExitCode.CONFORMANT)


def _report(
    findings: Findings,
    catalogue: Catalogue,
    settings: TrafficSettings,
    seen: Observation,
    problem: str,
    notes: tuple[str, ...],
) -> Report:
    contract, today = load_contract(), seen.started[:10]
    known = catalogue.requirements
    selected = catalogue.select((), ())
    waivers = [w for w in settings.waivers if any(w.covers(name) for name in known)]
    in_force = [waiver for waiver in waivers if not waiver.expired(today)]
    results = [each for each in findings.results() if each.requirement in selected]
    entries = entries_from(known.values(), results, in_force)
    return Report(
        base_url=seen.subject,
        contract=str(contract.full["info"]["version"]),
        contract_digest=contract.digest,
        catalogue=settings.catalogue,
        catalogue_digest=catalogue.digest,
        config=settings.config,
        provisioner=seen.provisioner,
        states={},
        entries=entries,
        # What traffic does not exercise may be waived for good reason: only the date counts.
        stale_waivers=find_stale([w for w in waivers if w.expired(today)], entries, known, today),
        strict=Verdict.DEVIATION in settings.fail_on,
        fail_on=settings.fail_on,
        started=seen.started,
        seconds=seen.seconds,
        problem=problem,
        interrupted=seen.interrupted,
        notes=(*settings.connection.notes, *notes),
    )


def _notes(counts: Counts) -> Iterator[str]:
    """Yield the limits of how far the reports can be relied on."""
    if counts.not_observed:
        number = counted(counts.not_observed, "exchange")
        yield f"{number} passed without being observed: the queue was full."
    if counts.unreadable:
        number = counted(counts.unreadable, "response")
        yield f"{number} had a body that could not be read, so only the head counts."
    if counts.gateway:
        number = counted(counts.gateway, "response")
        yield f"{number} came from a gateway without a service: not judged."
    if counts.without_response:
        yield f"{counted(counts.without_response, 'request')} got no response."
    for reason, times in sorted(counts.reasons.items()):
        yield f"Not judged: {times} {reason}."
