"""`runs-conformance setup`: whether the service can be reached, and which runs can be had."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from rich.console import Console

from conformance import deadline
from conformance.cli.options import OF_A_VERDICT, told
from conformance.config import settings
from conformance.errors import DeadlineExceeded, KitError
from conformance.reporters.terminal import set_up
from conformance.runner.session import Session
from conformance.vocabulary import ExitCode


@click.command(name="setup")
@told(but=OF_A_VERDICT)
def setup_command(**given: Any) -> None:
    """Try the set-up alone: reach the service, and get a run of each state.

    Nothing is checked. What was made is cancelled again, and no other run is touched.

    \b
    runs-conformance setup --base-url http://127.0.0.1:8000 --token "$TOKEN" --command ./make-a-run

    \b
    Exit codes: 0 all that was tried worked, 2 something went wrong.
    """
    console = Console(highlight=False)
    wanted = settings.read(given, os.environ)
    try:
        with deadline.limit(wanted.budget, f"the budget of {wanted.budget:g} s was spent"):
            session = Session(wanted)
            try:
                session.try_out()
                found = session.check_provisioning()
            finally:
                session.close()
    except DeadlineExceeded as fault:
        raise KitError(str(fault), "Give it more with --budget.") from None
    for line in set_up(found, whole=True):
        console.print(line, soft_wrap=True)
    sys.exit(ExitCode.NO_VERDICT if found.failed else ExitCode.CONFORMANT)
