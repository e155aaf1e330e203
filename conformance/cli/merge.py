"""`runs-conformance merge`: conclude one verdict from the blobs of all shards of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from conformance.catalogue import open_questions
from conformance.cli.options import SettingsCommand, setting_params
from conformance.config.converters import output_file
from conformance.config.options import OPTIONS
from conformance.config.report_options import REPORT_OPTIONS
from conformance.config.settings import read_reports
from conformance.config.sources import Resolution
from conformance.contract.contract import load as load_contract
from conformance.errors import ConfigurationError, ErrorCollector, KitError
from conformance.reporters.failures import FailuresReporter
from conformance.reporters.files import file_reporters, prepare, write
from conformance.reporters.github import GithubReporter
from conformance.reporters.terminal import QuietReporter, TerminalReporter
from conformance.results import behaviour_profile
from conformance.results.blob import read_blob
from conformance.results.events import Reporter, RunFinished, RunNotStarted
from conformance.results.merge import Blob, merge
from conformance.results.record import RunRecord
from conformance.results.report import Report
from conformance.runner.build_report import conclude
from conformance.runner.outputs import Output
from conformance.vocabulary import ExitCode

_KEYS = {"config", *(setting.key for setting in REPORT_OPTIONS)}


@click.command(
    name="merge",
    cls=SettingsCommand,
    params=setting_params(without={each.key for each in OPTIONS if each.key not in _KEYS}),
)
@click.argument("blobs", nargs=-1, required=True, metavar="BLOB...")
@click.option("--profile", metavar="FILE", help="Write the behaviour profile to this file.")
@click.option("--quiet", "-q", is_flag=True, help="Show only what failed.")
@click.pass_context
def merge_command(
    ctx: click.Context, /, blobs: Sequence[str], profile: str | None, quiet: bool, **given: Any
) -> None:
    """Conclude the verdict from the blobs of all shards of a run, and write its reports.

    \b
    runs-conformance run --shard 1/2 --blob 1.blob --token "$TOKEN_A"
    runs-conformance run --shard 2/2 --blob 2.blob --token "$TOKEN_B"
    runs-conformance merge *.blob --junit report.xml

    Give the options of reports here: shards write none. The files about failures (--failures,
    --har, --html) are those of one run, since each blob has the exchanges of its failures.

    The verdict is that of one run of all checks: causes, waivers and --fail-on are those that the
    shards were run with. It gives no verdict if a shard is missing or is given twice, or if shards
    are of several runs (--run-id) or differ in their kit, contract, requirements, configuration or
    division. Reports that the configuration file asks for are written here.

    \b
    Exit codes: 0 conformant, 1 not conformant, 2 no verdict, 130 a shard was interrupted.
    """
    terminal = TerminalReporter(Console(stderr=quiet, highlight=False))
    reporters: list[Reporter] = [QuietReporter(terminal) if quiet else terminal]
    try:
        path = _profile(ctx, profile)
        settings = read_reports(ctx)
        files = file_reporters(settings.files)
        failures = [FailuresReporter(settings.failures)] if settings.failures else []
        annotating = [GithubReporter()] if settings.github else []
        written: Sequence[Output] = [*files, *failures, *annotating]
        reporters += written
        record = _merged(blobs, reporters)
        report = conclude(record)
        for reporter in reporters:
            reporter.on(RunFinished(report, record))
        if path is not None:
            _write_profile(path, report)
        if failed := [each.failed for each in written if each.failed]:
            raise KitError("\n".join(failed), "The other reports are written.")
    except KitError as fault:
        terminal.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    sys.exit(report.exit_code)


def _merged(names: Sequence[str], reporters: Sequence[Reporter]) -> RunRecord:
    """Return the record of all shards. Raise ConfigurationError if there is none, after the
    files have been written that report it."""
    errors = ErrorCollector()
    read = [(name, errors.attempt(read_blob, Path(name))) for name in names]
    try:
        return merge([Blob(name, record) for name, record in read if record is not None], errors)
    except ConfigurationError as fault:
        problem = "\n".join(message for message, _ in fault.parts)
        hints = tuple(dict.fromkeys(hint for _, hint in fault.parts if hint))
        event = RunNotStarted(problem, "", _no_report(problem, hints))
        for reporter in reporters[1:]:
            reporter.on(event)
        raise


def _no_report(problem: str, hints: tuple[str, ...]) -> Report:
    contract = load_contract()
    return Report(
        base_url="",
        contract=str(contract.full["info"]["version"]),
        contract_digest=contract.digest,
        provisioner="",
        states={},
        entries=(),
        strict=False,
        started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=0.0,
        problem=problem,
        hints=hints,
    )


def _profile(ctx: click.Context, text: str | None) -> Path | None:
    """Return the path; collect the error if it cannot be written."""
    if text is None:
        return None
    try:
        path = output_file(text)
        prepare("--profile", path)
    except ConfigurationError as fault:
        Resolution.of(ctx).errors.note(f"--profile: {fault.message}", fault.hint)
        return None
    return path


def _write_profile(path: Path, report: Report) -> None:
    if not report.observations:
        raise KitError("--profile: nothing was observed.", "Run the checks of open questions.")
    try:
        write(path, behaviour_profile.render(report, open_questions.load()))
    except OSError as fault:
        raise KitError(f"--profile {path}: {fault.strerror}.", "Name another file.") from None
