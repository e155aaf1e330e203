"""``runs-mock faults``: the faults of a world."""

from collections.abc import Iterable
from typing import Any

import click

from mock_server.cli.options import Finite
from mock_server.cli.remote import Remote, ResponseError, with_remote
from mock_server.cli.text import echo
from mock_server.errors import UsageError, unknown_name
from mock_server.faults.notation import parse


class _WithKinds(click.Command):
    """A command whose help lists the kinds of fault."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The kinds take long to load, and only the help needs them.
        from mock_server.faults.registry import help_rows  # noqa: PLC0415

        with formatter.section("Kinds of fault"):
            formatter.write_dl(help_rows(), col_max=40)


@click.group(invoke_without_command=True)
@with_remote
@click.pass_context
def faults(context: click.Context, mock: Remote) -> None:
    """Inject faults in a world; without a subcommand, list them.

    \b
    runs-mock faults preset                              list the presets
    runs-mock faults preset flaky
    runs-mock faults add latency.takes=2s                every response two seconds late
    runs-mock faults add status.code=503 --on retryRun --probability 0.3
    runs-mock faults add cut.after=3 --count 2           the next two streams end early
    runs-mock faults clear
    """
    if context.invoked_subcommand is None:
        _print(mock.get("/faults")["items"])


@faults.command("list")
@with_remote
def show(mock: Remote) -> None:
    """List the rules in force, and how often each was applied."""
    _print(mock.get("/faults")["items"])


@faults.command(cls=_WithKinds)
@click.argument("fault", nargs=-1, required=True)
@click.option("--on", "operations", multiple=True, metavar="OPERATION", help="Only for this one.")
@click.option("--probability", type=Finite(), help="How often, from 0 to 1.")
@click.option("--count", type=int, help="How many times.")
@click.option("--lasts", metavar="DURATION", help="For how long, on the world's clock.")
@with_remote
def add(mock: Remote, fault: tuple[str, ...], **when: Any) -> None:
    """Apply FAULT from now on: its kind, as in drop, or with what it takes, as in latency.takes=2s.
    Several are one rule and apply to a response together.

    OPERATION is listRuns, getRun, getRunSteps, streamRunEvents, cancelRun or retryRun.
    `runs-mock openapi --control` describes every kind.
    """
    try:
        rule = parse(fault)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    rule |= {name: value for name, value in when.items() if value not in (None, ())}
    try:
        _print([mock.post("/faults", rule)])
    except ResponseError as error:
        if error.status == 422:
            _check_kinds(rule.keys() - when.keys())
        raise


@faults.command()
@click.argument("name", required=False)
@with_remote
def preset(mock: Remote, name: str | None) -> None:
    """Apply the preset NAME; without a name, list the presets."""
    if name is not None:
        _print(mock.post(f"/fault-presets/{name}")["items"])
        return
    items = mock.get("/fault-presets")["items"]
    width = max((len(each["name"]) for each in items), default=0)
    for each in items:
        echo(f"{each['name']:<{width}}  {each['summary']}")


@faults.command()
@click.argument("number", type=int, required=False)
@with_remote
def clear(mock: Remote, number: int | None) -> None:
    """Remove every rule, or the rule NUMBER."""
    mock.call("DELETE", "/faults" if number is None else f"/faults/{number}")


def _check_kinds(names: Iterable[str]) -> None:
    """Raise UsageError for an unknown kind of fault."""
    # They take long to load, and only an error needs them.
    from mock_server.faults.rate_limit import NAME  # noqa: PLC0415
    from mock_server.faults.registry import KINDS  # noqa: PLC0415

    known = [*KINDS, NAME]
    for name in names:
        if name not in known:
            raise UsageError(unknown_name("fault", name, known))


def _print(items: list[dict[str, Any]]) -> None:
    for item in items:
        parts = [_spell(name, value) for name, value in item["rule"].items() if value != []]
        rule = ", ".join(parts)
        until = f", until {item['expiresAt']}" if item["expiresAt"] else ""
        echo(f"{item['id']:>3}  {rule}{until}  applied {item['applied']} times")
    if not items:
        echo("nothing goes wrong")


def _spell(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = " ".join(f"{key}={each}" for key, each in value.items())
        return f"{name} {inner}".rstrip()
    if isinstance(value, list):
        return f"{name} {' '.join(map(str, value))}"
    return f"{name} {value}"
