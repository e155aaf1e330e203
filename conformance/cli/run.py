"""`runs-conformance run`: the checks, what goes on meanwhile, and the verdict."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from rich.console import Console

from conformance.cli.options import told
from conformance.config.settings import read as read_settings
from conformance.errors import KitError
from conformance.reporters.terminal import QuietReporter, TerminalReporter
from conformance.runner.run import ReportedError, run_checks
from conformance.vocabulary import ExitCode


@click.command(name="run")
@told()
@click.option("--verbose", "-v", is_flag=True, help="A line for every check.")
@click.option("--quiet", "-q", is_flag=True, help="Nothing on the terminal but what went wrong.")
def run_command(verbose: bool, quiet: bool, **given: Any) -> None:
    """Run the checks and give a verdict.

    \b
    The mock, with everything:
      runs-conformance run --base-url http://127.0.0.1:8080 --token demo
    A service in production, changing nothing:
      runs-conformance run --base-url https://api.example.com --api-key "$KEY" --read-only
    Runs of your own, two groups only, with files for CI:
      runs-conformance run --base-url http://127.0.0.1:8000 --token "$TOKEN" \\
        --state completed=$DONE --state fails=$BAD --include 'LIST-*' --include 'GET-*' \\
        --json report.json --junit report.xml

    What is not given as an option is taken from the environment (--base-url from
    RUNS_CONFORMANCE_BASE_URL), then from conformance.toml or [tool.runs-conformance] of
    pyproject.toml; 'runs-conformance init' writes one, with waivers too. A waiver turns what fails
    into the verdict "waived"; one that is out of date, or whose requirements all pass, spoils the
    verdict: exit code 2 if nothing else is wrong.

    \b
    Exit codes: 0 conformant, 1 not conformant, 2 no verdict (configuration, stale waiver, target
    out of reach, nothing put to the test), 130 interrupted.
    """
    terminal = TerminalReporter(Console(stderr=quiet, highlight=False), verbose=verbose)
    try:
        settings = read_settings(given, os.environ)
        report = run_checks(settings, [QuietReporter(terminal) if quiet else terminal])
    except KitError as fault:
        if not isinstance(fault, ReportedError):
            terminal.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    sys.exit(report.exit_code)
