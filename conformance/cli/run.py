"""`runs-conformance run`: run the checks, show progress, and report the verdict."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console

from conformance.cli.options import SettingsCommand, setting_params
from conformance.config.settings import from_context
from conformance.errors import KitError
from conformance.reporters.terminal import QuietReporter, TerminalReporter
from conformance.runner.run import ReportedError, run_checks
from conformance.vocabulary import ExitCode


@click.command(name="run", cls=SettingsCommand, params=setting_params())
@click.option("--verbose", "-v", is_flag=True, help="Show a line for every check.")
@click.option("--quiet", "-q", is_flag=True, help="Show only what failed.")
@click.pass_context
def run_command(ctx: click.Context, /, verbose: bool, quiet: bool, **settings: Any) -> None:
    """Run the checks and report a verdict for each requirement.

    \b
    All checks, against the mock:
      runs-conformance run --base-url http://127.0.0.1:8080 --token demo
    A production service, without changing anything:
      runs-conformance run --base-url https://api.example.com --api-key "$KEY" --read-only
    Your own runs, two groups only, with files for CI:
      runs-conformance run --base-url http://127.0.0.1:8000 --token "$TOKEN" \\
        --state completed=$DONE --state fails=$BAD --include 'LIST-*' --include 'GET-*' \\
        --json report.json --junit report.xml

    Precedence: command line, environment, configuration file. --base-url is
    RUNS_CONFORMANCE_BASE_URL in the environment and base_url in conformance.toml or
    [tool.runs-conformance] of pyproject.toml; 'runs-conformance init' writes that file. It may
    hold waivers too: a failure that a waiver covers has the verdict "waived". An expired or unused
    waiver is an error (exit code 2).

    With --shard the results of a part go to the blob alone, and options of reports are not used:
    give them to 'runs-conformance merge', which concludes the verdict from all blobs.

    \b
    Exit codes: 0 conformant, 1 not conformant, 2 no verdict (configuration, unused waiver, API not
    reachable, nothing tested), 130 interrupted.
    """
    terminal = TerminalReporter(Console(stderr=quiet, highlight=False), verbose=verbose)
    try:
        reporter = QuietReporter(terminal) if quiet else terminal
        given = from_context(ctx)
        if unused := given.left_to_merge:
            text = "not used by a shard, reports are left to: runs-conformance merge"
            click.echo(f"{', '.join(unused)}: {text}", err=True)
        report = run_checks(given, [reporter])
    except KitError as fault:
        if not isinstance(fault, ReportedError):
            terminal.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    terminal.name_failures(report, None if given.shard else given.failures)
    sys.exit(report.exit_code)
