"""`runs-conformance setup`: whether the service can be reached, and which runs can be had."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console

from conformance import deadline
from conformance.cli.options import VERDICT_KEYS, SettingsCommand, setting_params
from conformance.config.settings import from_context
from conformance.errors import DeadlineExceeded, KitError
from conformance.reporters.console import print_line
from conformance.reporters.terminal import setup_lines
from conformance.runner.session import Session
from conformance.vocabulary import ExitCode


@click.command(name="setup", cls=SettingsCommand, params=setting_params(without=VERDICT_KEYS))
@click.pass_context
def setup_command(ctx: click.Context, /, **given: Any) -> None:
    """Test the set-up only: reach the API and get a run in each state.

    No check is run. Runs that were created are cancelled again; no other run is changed.

    \b
    runs-conformance setup --base-url http://127.0.0.1:8000 --token "$TOKEN" --command ./make-a-run

    \b
    Exit codes: 0 every step worked, 2 a step failed.
    """
    console = Console(highlight=False)
    settings = from_context(ctx)
    try:
        with deadline.limit(settings.budget, f"the budget of {settings.budget:g} s was spent"):
            session = Session(settings)
            try:
                session.try_out()
                found = session.check_provisioning()
            finally:
                session.close()
    except DeadlineExceeded as fault:
        raise KitError(str(fault), "Raise --budget.") from None
    for line in setup_lines(found, all_states=True):
        print_line(console, line)
    sys.exit(ExitCode.NO_VERDICT if found.failed else ExitCode.CONFORMANT)
