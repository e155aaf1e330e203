"""Put together the report of a run from its results, its circumstances and the waivers in force. An
unreachable target has a report too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from conformance.catalogue.open_questions import RecordedObservation, observed_answers
from conformance.catalogue.open_questions import load as load_questions
from conformance.catalogue.versions import load_version
from conformance.config.settings import Settings
from conformance.contract.contract import load as load_contract
from conformance.redaction import harmless
from conformance.results.events import SetupFinished
from conformance.results.report import Report, entries_from, find_stale
from conformance.results.result import Result
from conformance.vocabulary import Verdict


@dataclass(frozen=True, slots=True)
class RunInfo:
    """How the run went: when it began (RFC 3339), how many seconds it took, the problems in its
    way, and the limits of how far the result can be relied on."""

    started: str
    seconds: float
    problem: str
    interrupted: bool
    notes: tuple[str, ...]


def conclude(
    settings: Settings,
    setup: SetupFinished,
    results: Sequence[Result],
    info: RunInfo,
) -> Report:
    """Return the report; an expired waiver is not in force, and is reported."""
    contract, catalogue = load_contract(), load_version(settings.catalogue)
    known, today = catalogue.requirements, info.started[:10]
    in_force = [waiver for waiver in settings.waivers if not waiver.expired(today)]
    entries = entries_from(known.values(), results, in_force)
    reached = {entry.requirement.id for entry in entries}
    selected = catalogue.select(settings.include, settings.exclude)
    return Report(
        base_url=settings.base_url,
        credentials=tuple(credential.scheme.value for credential in settings.credentials),
        config=settings.config,
        contract=str(contract.full["info"]["version"]),
        contract_digest=contract.digest,
        catalogue=settings.catalogue,
        catalogue_digest=catalogue.digest,
        provisioner=setup.provisioner,
        states=setup.states,
        entries=entries,
        stale_waivers=find_stale(settings.waivers, entries, known, today),
        not_run=tuple(each for each in known if each in selected - reached),
        strict=Verdict.DEVIATION in settings.fail_on,
        fail_on=settings.fail_on,
        started=info.started,
        seconds=info.seconds,
        problem=info.problem,
        interrupted=info.interrupted,
        notes=info.notes,
        fuzz=settings.fuzz,
        observations=observed_answers(
            load_questions(),
            (
                RecordedObservation(result.requirement, result.check, seen)
                for result in results
                for seen in result.observations
            ),
        ),
    )


def show(report: pytest.TestReport, result: Result, settings: Settings, today: str) -> None:
    """Let pytest's report of a check agree with the kit's: a waived failure is skipped, with the
    reason. `today` is the day by which waivers are in force."""
    strict = (Verdict.DEVIATION,) if Verdict.DEVIATION in settings.fail_on else ()
    covering = (w for w in settings.waivers if w.covers(result.requirement))
    waiver = next((w for w in covering if not w.expired(today)), None)
    said = f"{result.verdict}: {result.message}"
    if waiver is not None and result.verdict.fails:
        report.outcome = "skipped"
        said = f"waived by {waiver.owner}, {waiver.reason}: {said}"
    elif result.verdict in (Verdict.VIOLATION, Verdict.ERROR, *strict):
        report.outcome = "failed"
        lines = f"{result.requirement} {said}", result.curl
        report.longrepr = harmless("\n".join(line for line in lines if line))
    elif result.verdict is Verdict.PASS:
        report.outcome = "passed"
    else:
        report.outcome = "skipped"
    if report.outcome == "skipped":
        report.longrepr = (str(report.fspath), report.location[1] or 0, harmless(said))
