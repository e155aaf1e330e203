"""`runs-conformance states`: show the states of runs that checks need."""

from __future__ import annotations

import click

from conformance.vocabulary import State


@click.command(name="states")
def states_command() -> None:
    """Show the states of runs that checks need, for --state, --trigger and --command."""
    for state in State:
        click.echo(f"{state.value:14} {state.meaning}")
