"""`runs-conformance record`: write the runs of a service as files that the mock plays."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import load
from conformance.cli.options import VERDICT_KEYS, SettingsCommand, setting_params
from conformance.cli.recording_options import (
    OutputFolder,
    keep_patterns,
    output_options,
    show_written,
)
from conformance.config.settings import Settings, from_context
from conformance.errors import ConfigurationError, KitError
from conformance.recording.anonymize import Shapes
from conformance.recording.behaviour import read_answers
from conformance.recording.folder import RecordingFolder
from conformance.recording.read_runs import MAX_RUNS, RunSource, Wanted
from conformance.recording.recording import Recording
from conformance.reporters.console import print_line
from conformance.reporters.profile_progress import ProfileReporter
from conformance.reporters.progress import ProgressLine
from conformance.results import behaviour_profile
from conformance.results.report import unobserved
from conformance.runner.run import run_checks
from conformance.runner.session import Session
from conformance.vocabulary import ExitCode, Status

_WITHOUT = (
    *VERDICT_KEYS,
    *("read_only", "provision", "state", "trigger", "trigger_body", "trigger_id", "command"),
    *("clock", "clock_body", "catalogue", "workers", "sequential", "patience", "settle"),
    *("fuzz", "fuzz_seed"),
)
_MIN_SECONDS = 5.0
"""The time that is left for the behaviour at least."""


@click.command(name="record", cls=SettingsCommand, params=setting_params(without=_WITHOUT))
@click.option(
    "--out",
    type=OutputFolder(),
    required=True,
    metavar="DIR",
    help="Write the recording to this directory, which is new or empty.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_RUNS),
    default=100,
    show_default=True,
    help="Maximum number of runs, from the start of the list.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([each.value for each in Status]),
    help="Record only runs with this status.",
)
@click.option("--run", "ids", multiple=True, metavar="ID", help="Record this run, and no others.")
@click.option("--follow", is_flag=True, help="Wait for the end of runs that are open.")
@click.option(
    "--behaviour",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take answers that reading alone does not show from this profile, as runs-conformance "
    "profile writes it.",
)
@output_options
@click.option("--quiet", "-q", is_flag=True, help="Show only what failed, no progress.")
@click.pass_context
def record_command(ctx: click.Context, /, **options: Any) -> None:
    """Record the runs of a service as scenarios, a world and a behaviour profile for the mock.

    \b
    runs-conformance record --base-url https://api.example.com --token "$TOKEN" --out recorded/
    runs-mock serve --scenarios recorded/ --behaviour recorded/behaviour.yaml --start recorded

    Only GET requests are sent; no run is created or changed. Runs of the same shape become one
    scenario, with ranges of durations. Values are redacted: ids are mapped, strings in results and
    errors replaced by their shape (format and length), unless --keep allows them. Credentials are
    never written.

    \b
    Exit codes: 0 a recording was written, 2 none was (configuration, API not reachable, no run),
    130 interrupted (nothing is written).
    """
    console = Console(stderr=True, highlight=False)
    try:
        given = {"read_only": True, "provision": "discover", "workers": "1"}
        settings = replace(from_context(ctx, given), read_only=True, shard=None, blob=None)
        wanted = _wanted(ctx, options)
        folder = RecordingFolder(options["out"], force=options["force"])
        questions = open_questions.load()
        file: Path | None = options["behaviour"]
        others = {} if file is None else read_answers(file, questions)
        shapes = Shapes(settings.redactor(), keep_patterns(options["keep"]))
        recording = Recording(shapes)
        start = time.monotonic()
        notes = _read(settings, wanted, recording, console, quiet=options["quiet"])
        recording.check()
        left = max(settings.budget - (time.monotonic() - start), _MIN_SECONDS)
        profile, more = _profile(replace(settings, budget=left), others, str(file), console)
        notes += more
        written = recording.write(settings.redactor().text(settings.base_url), profile)
        folder.write(written.files)
    except KitError as fault:
        for message, hint in fault.parts:
            print_line(console, Text(message, style="bold red"))
            if hint:
                print_line(console, Text(hint))
        sys.exit(ExitCode.NO_VERDICT)
    except KeyboardInterrupt:
        print_line(console, Text("Interrupted; nothing is written.", style="yellow"))
        sys.exit(ExitCode.INTERRUPTED)
    for note in notes:
        print_line(console, Text(note, style="yellow"))
    if not options["quiet"]:
        show_written(options["out"], written)


def _wanted(ctx: click.Context, options: dict[str, Any]) -> Wanted:
    """Return which runs to read. Raise ConfigurationError for a list of runs and those of it."""
    limited = ctx.get_parameter_source("limit") is not ParameterSource.DEFAULT
    given = "--status" if options["statuses"] else "--limit" if limited else ""
    if options["ids"] and given:
        raise ConfigurationError(
            f"{given}: expected no --run with it, which names each run, got both.",
            "Leave one of them out.",
        )
    return Wanted(options["limit"], options["statuses"], options["ids"], options["follow"])


def _read(
    settings: Settings, wanted: Wanted, recording: Recording, console: Console, *, quiet: bool
) -> list[str]:
    """Read the runs into the recording; return what could not be read."""
    progress = ProgressLine(console, "runs", shown=not quiet)
    with closing(Session(settings)) as session:
        session.try_out()
        source = RunSource(session.api, wanted, settings.budget, progress.begin)
        try:
            for seen in source.read():
                recording.shapes.know(session.redactor)
                recording.add(seen)
                progress.done("runs")
        finally:
            progress.stop()
    notes = [session.redactor.text(note) for note in source.notes]
    if source.out_of_time and not len(recording):
        raise KitError(
            f"The budget of {settings.budget:g} s was spent before a run was read.",
            "Raise --budget.",
        )
    if source.out_of_time:
        notes.append(
            f"The budget of {settings.budget:g} s was spent after {len(recording)} runs: "
            "raise --budget."
        )
    return [*notes, *recording.notes]


def _profile(
    settings: Settings, others: dict[str, str], source: str, console: Console
) -> tuple[str, list[str]]:
    """Return the behaviour profile, of what reading alone shows and of earlier answers, and notes.

    Where no check can be run, the profile has earlier answers only: the runs are read by then.
    """
    wanted = tuple(behaviour_profile.observing_requirements(load()))
    reporter = ProfileReporter(console, quiet=True)
    notes = []
    try:
        report = run_checks(replace(settings, include=wanted, exclude=()), [reporter], files=False)
    except KitError as fault:
        address = settings.redactor().text(settings.base_url)
        report = unobserved(address, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        notes.append(f"The behaviour was not observed: {fault.message} {fault.hint}".rstrip())
    if report.interrupted:
        raise KeyboardInterrupt
    questions = open_questions.load()
    return behaviour_profile.render(report, questions, others, source, quoted=False), notes
