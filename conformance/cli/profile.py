"""`runs-conformance profile`: write how a service behaves where the reference leaves a choice, as a
file that the mock plays."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import load
from conformance.cli.options import VERDICT_KEYS, SettingsCommand, setting_params
from conformance.config.converters import output_file
from conformance.config.settings import from_context
from conformance.config.sources import Resolution
from conformance.errors import ConfigurationError, KitError
from conformance.reporters.profile_progress import ProfileReporter
from conformance.results import behaviour_profile
from conformance.runner.run import ReportedError, run_checks
from conformance.vocabulary import ExitCode


@click.command(name="profile", cls=SettingsCommand, params=setting_params(without=VERDICT_KEYS))
@click.option("--out", metavar="FILE", help="Write the profile to this file instead of stdout.")
@click.option("--quiet", "-q", is_flag=True, help="Show only what failed, no progress.")
@click.pass_context
def profile_command(ctx: click.Context, /, out: str | None, quiet: bool, **given: Any) -> None:
    """Observe how a service answers the open questions and write a behaviour profile.

    \b
    runs-conformance profile --base-url https://staging.example.com --token "$TOKEN" > theirs.yaml
    runs-mock serve --behaviour theirs.yaml

    Only checks that observe an answer are run. For each question the profile names the observations
    and their checks; a question without an answer keeps the contract's own. With --read-only fewer
    questions are answered.

    \b
    Exit codes: 0 a profile was written, 2 none was (configuration, API not reachable, nothing
    observed), 130 interrupted (the observations so far are written).
    """
    console = Console(stderr=True, highlight=False)
    reporter = ProfileReporter(console, quiet=quiet)
    wanted = tuple(behaviour_profile.observing_requirements(load()))
    try:
        path = None if out is None else _output_file(ctx, out)
        # A profile is of all checks, also where the environment names a shard.
        settings = replace(from_context(ctx, {"include": wanted}), shard=None, blob=None)
        report = run_checks(settings, [reporter], files=False)
        if not report.observations:
            raise KitError(f"Nothing was observed. {report.problem}".strip(), _HINT)
    except KitError as fault:
        if not isinstance(fault, ReportedError):
            reporter.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    text = behaviour_profile.render(report, open_questions.load())
    if path is None:
        click.echo(text, nl=False)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for doubt in behaviour_profile.doubts(report):
        reporter.warn(doubt)
    if report.problem:
        reporter.warn(report.problem)
    sys.exit(ExitCode.INTERRUPTED if report.interrupted else ExitCode.CONFORMANT)


def _output_file(ctx: click.Context, text: str) -> Path | None:
    """Return the path; collect the error if it cannot be written."""
    try:
        return output_file(text)
    except ConfigurationError as fault:
        Resolution.of(ctx).errors.note(f"--out: {fault.message}", fault.hint)
        return None


_HINT = "Run 'runs-conformance run' for details."
