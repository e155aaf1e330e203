"""The command `runs-conformance`: runs the checks in this process through pytest and shows what
comes of it, and tells about the catalogue."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance import __version__, settings
from conformance import contract as contracts
from conformance.catalogue import load
from conformance.errors import KitError
from conformance.events import Reporter
from conformance.plugin import Front
from conformance.report import Report
from conformance.reporters.files import FileReporter, as_json, as_junit
from conformance.reporters.terminal import TerminalReporter
from conformance.vocabulary import ExitCode, State

HERE = Path(__file__).parent
_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="runs-conformance")
def cli() -> None:
    """Hold an implementation of the Automation runs API against its contract.

    \b
    runs-conformance run --base-url http://127.0.0.1:8080 --token demo
    runs-conformance list
    runs-conformance explain CANCEL-02
    """


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the table, as click has them."""
    for option in reversed(settings.OPTIONS):
        default = f"  [default: {option.default}]" if option.default else ""
        text = f"{option.help}{default}"
        if option.flag:
            command = click.option(f"--{option.name}", is_flag=True, help=text)(command)
        else:
            command = click.option(
                f"--{option.name}", metavar=option.metavar, multiple=option.many, help=text
            )(command)
    return command


@cli.command()
@_told
@click.option("--json", "json_file", type=Path, metavar="FILE", help="Write the report as JSON.")
@click.option("--junit", type=Path, metavar="FILE", help="Write the report as JUnit XML.")
@click.option("--verbose", "-v", is_flag=True, help="A line for every check.")
@click.option("--quiet", "-q", is_flag=True, help="Nothing on the terminal but what went wrong.")
def run(
    json_file: Path | None, junit: Path | None, verbose: bool, quiet: bool, **given: Any
) -> None:
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

    Every option can come from the environment: --base-url from RUNS_CONFORMANCE_BASE_URL.

    \b
    Exit codes: 0 conformant, 1 not conformant, 2 no verdict (configuration, target out of
    reach, nothing put to the test), 130 interrupted.
    """
    terminal = TerminalReporter(Console(stderr=quiet, highlight=False), verbose=verbose)
    reporters: list[Reporter] = [] if quiet else [terminal]
    try:
        if json_file:
            reporters.append(FileReporter("--json", json_file, as_json))
        if junit:
            reporters.append(FileReporter("--junit", junit, as_junit))
        report = check(given, reporters)
    except KitError as fault:
        if quiet or not isinstance(fault, AlreadyToldError):
            terminal.refuse(fault.message, fault.remedy)
        sys.exit(ExitCode.NO_VERDICT)
    sys.exit(report.exit_code)


class AlreadyToldError(KitError):
    """A refusal that the reporters have heard of."""


def check(given: dict[str, Any], reporters: Sequence[Reporter]) -> Report:
    """Run the checks with these options, by key, and the environment; returns the report.

    Raises ConfigurationError or, once the reporters know, AlreadyToldError if there is no run.
    """
    told = settings.read(given, os.environ)
    load().select(told.include, told.exclude)
    front = Front(reporters)
    with _no_pytest_settings():
        pytest.main(_arguments(given), plugins=[_Named(front)])
    engine = front.engine
    if engine is None:
        raise KitError("pytest did not come up.", "Run with --verbose to see what it says.")
    if engine.refused is not None:
        raise AlreadyToldError(engine.refused.message, engine.refused.remedy)
    if engine.report is None:
        raise KitError("pytest ended without a report.", "Run the checks by pytest to see why.")
    return engine.report


class _Named:
    """Registers the front under its name, where the plugin looks for it."""

    def __init__(self, front: Front) -> None:
        self._front = front

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._front, Front.NAME)


def _arguments(given: dict[str, Any]) -> list[str]:
    words = ["-c", str(HERE / "pytest.ini"), "--rootdir", str(HERE), "--noconftest"]
    words += ["-p", "conformance.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"]
    words += ["-p", "no:logging", "--capture=no", "--pyargs", "conformance.checks"]
    for option in settings.OPTIONS:
        value = given.get(option.key)
        name = f"--runs-{option.name}"
        if option.flag:
            words += [name] if value else []
        elif option.many:
            words += [f"{name}={each}" for each in value or ()]
        elif value:
            words.append(f"{name}={value}")
    return words


@contextmanager
def _no_pytest_settings() -> Iterator[None]:
    """Keep pytest from what is meant for other tests: its environment and installed plugins."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    kept = {name: os.environ.pop(name, None) for name in names}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@cli.command(name="list")
@click.argument("patterns", nargs=-1)
def list_requirements(patterns: tuple[str, ...]) -> None:
    """Show the requirements, all or those whose ids match PATTERNS.

    \b
    runs-conformance list
    runs-conformance list 'CANCEL-*' 'RETRY-0*'
    """
    console = Console(highlight=False)
    catalogue = load()
    with _refusing(console):
        wanted = catalogue.select(patterns, ())
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for title in ("id", "level", "question"):
            table.add_column(title, no_wrap=True)
        table.add_column("statement")
        for each in catalogue.requirements.values():
            if each.id in wanted:
                text = Text(each.statement)
                table.add_row(each.id, each.level.value, each.question or "", text)
        console.print(table)


@cli.command()
@click.argument("requirement")
def explain(requirement: str) -> None:
    """Tell what REQUIREMENT demands and why it can be believed.

    \b
    runs-conformance explain CANCEL-05
    """
    console = Console(highlight=False)
    with _refusing(console):
        found = load()[requirement]
        gates = "a violation" if found.level.gates else "a deviation; it counts under --strict"
        console.print(Text(found.id, style="bold").append(f"  {found.statement}", "default"))
        console.print(Text(f"operation   {found.operation.value if found.operation else 'all'}"))
        console.print(Text(f"evidence    {found.level.value}: {found.source}"))
        console.print(Text(f"falling short of it is {gates}"))
        if found.question:
            console.print(Text(f"question    {found.question} is open: every answer is accepted"))
            for mark in contracts.load().marks:
                if mark.question == found.question:
                    console.print(Text(f"            the contract: {mark.because}"))
                    break


@cli.command()
def states() -> None:
    """Show the states that runs can be wanted in, for --state and those who provide them."""
    for state in State:
        click.echo(f"{state.value:14} {state.meaning}")


@contextmanager
def _refusing(console: Console) -> Iterator[None]:
    try:
        yield
    except KitError as fault:
        console.print(Text(fault.message, style="bold red"))
        if fault.remedy:
            console.print(fault.remedy)
        sys.exit(ExitCode.NO_VERDICT)


def main() -> None:
    """The entry point."""
    cli()
