"""`runs-conformance profile`: how a service answers what the reference leaves open, as a file that
the mock plays."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import load
from conformance.cli.options import OF_A_VERDICT, told
from conformance.config.settings import Settings, writable
from conformance.config.settings import read as read_settings
from conformance.errors import ErrorCollector, KitError
from conformance.reporters.profile_progress import Watching
from conformance.results import behaviour_profile
from conformance.runner.run import ReportedError, run_checks
from conformance.vocabulary import ExitCode


@click.command(name="profile")
@told(but=OF_A_VERDICT)
@click.option("--out", type=Path, metavar="FILE", help="Write the profile there, not to stdout.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only what went wrong.")
def profile_command(out: Path | None, quiet: bool, **given: Any) -> None:
    """Observe how a service answers the open questions and write it down as a behaviour profile.

    \b
    runs-conformance profile --base-url https://staging.example.com --token "$TOKEN" > theirs.yaml
    runs-mock serve --behaviour theirs.yaml

    Only the checks that observe an answer are run. The profile says for each question what was seen
    and by which check; what was not observed is left to the contract's own answer. Without runs
    that may be changed (--read-only) fewer questions are answered.

    \b
    Exit codes: 0 a profile was written, 2 none (configuration, service out of reach, nothing
    observed), 130 interrupted (what was seen by then is written).
    """
    console = Console(stderr=True, highlight=False)
    watching = Watching(console, quiet=quiet)
    wanted = tuple(behaviour_profile.observing(load()))
    try:
        settings = _settings(given | {"include": wanted}, out)
        report = run_checks(settings, [watching], files=False)
        if not report.observations:
            raise KitError(f"Nothing was observed. {report.problem}".strip(), _REMEDY)
    except KitError as fault:
        if not isinstance(fault, ReportedError):
            watching.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    text = behaviour_profile.render(report, open_questions.load())
    if out is None:
        click.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    for doubt in behaviour_profile.doubts(report):
        watching.tell(doubt)
    if report.problem:
        watching.tell(report.problem)
    sys.exit(ExitCode.INTERRUPTED if report.interrupted else ExitCode.CONFORMANT)


def _settings(given: Mapping[str, Any], out: Path | None) -> Settings:
    """Return the settings; report all errors together, that of the output file among them."""
    mistakes = ErrorCollector()
    if out is not None:
        mistakes.attempt(writable, out, "--out")
    settings = mistakes.attempt(read_settings, given, os.environ)
    mistakes.tell()
    return settings


_REMEDY = "See what 'runs-conformance run' says of it."
