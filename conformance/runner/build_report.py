"""Put together the report of a run from its record: results, circumstances and the waivers in
force. An unreachable target has a report too."""

from __future__ import annotations

import pytest

from conformance.catalogue.open_questions import RecordedObservation, observed_answers
from conformance.catalogue.open_questions import load as load_questions
from conformance.catalogue.versions import load_version
from conformance.config.settings import Settings
from conformance.contract.contract import load as load_contract
from conformance.redaction import harmless
from conformance.results.events import SetupFinished
from conformance.results.record import RunRecord, Terms
from conformance.results.report import Report, entries_from, find_stale
from conformance.results.result import Result, amend
from conformance.runner.compared_options import compared_options
from conformance.vocabulary import Verdict


def begin_record(settings: Settings, setup: SetupFinished, started: str) -> RunRecord:
    """Return the record of a run without results, which began at this time (RFC 3339)."""
    contract, catalogue = load_contract(), load_version(settings.catalogue)
    return RunRecord(
        terms=Terms(
            catalogue=settings.catalogue,
            include=settings.include,
            exclude=settings.exclude,
            fail_on=settings.fail_on,
            fuzz=settings.fuzz,
            waivers=settings.waivers,
            credentials=tuple(each.scheme.value for each in settings.credentials),
            other_credentials=tuple(each.scheme.value for each in settings.others),
            provision=settings.provisioning.method.value,
            read_only=settings.read_only,
            timeout=settings.timeout,
            patience=settings.patience,
            settle=settings.settle,
            # Only shards are compared, and a digest takes a moment.
            options=compared_options(settings) if settings.shard else {},
        ),
        contract=str(contract.full["info"]["version"]),
        contract_digest=contract.digest,
        catalogue_digest=catalogue.digest,
        base_url=settings.base_url,
        config=settings.config,
        provisioner=setup.provisioner,
        states=setup.states,
        started=started,
        seconds=0.0,
        problem="",
        interrupted=False,
        tenants=(setup.tenant,) if setup.tenant else (),
        notes=(),
        results=(),
    )


def conclude(record: RunRecord) -> Report:
    """Return the report; an expired waiver is not in force, and is reported."""
    terms = record.terms
    catalogue, today = load_version(terms.catalogue), record.started[:10]
    known = catalogue.requirements
    results = [amend(result, record.came_late) for result in record.results]
    in_force = [waiver for waiver in terms.waivers if not waiver.expired(today)]
    entries = entries_from(known.values(), results, in_force)
    reached = {entry.requirement.id for entry in entries}
    whole = catalogue.select(terms.include, terms.exclude)
    selected = frozenset(record.planned if record.shard else whole)
    return Report(
        base_url=record.base_url,
        credentials=terms.credentials,
        tenants=record.tenants,
        config=record.config,
        contract=record.contract,
        contract_digest=record.contract_digest,
        catalogue=terms.catalogue,
        catalogue_digest=record.catalogue_digest,
        provisioner=record.provisioner,
        states=record.states,
        entries=entries,
        # What another shard found may need the waiver.
        stale_waivers=() if record.shard else find_stale(terms.waivers, entries, known, today),
        not_run=tuple(each for each in known if each in selected - reached),
        strict=Verdict.DEVIATION in terms.fail_on,
        fail_on=terms.fail_on,
        started=record.started,
        seconds=record.seconds,
        problem=record.problem,
        interrupted=record.interrupted,
        notes=record.notes,
        fuzz=terms.fuzz,
        shard=record.shard,
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
