"""``runs-mock scenarios``, ``behaviours`` and ``openapi``, which need no running mock."""

from collections.abc import Callable
from pathlib import Path

import click

from mock_server import resources
from mock_server.cli import timeline
from mock_server.cli.options import scenarios_option
from mock_server.cli.scenario_directory import scenario_folder
from mock_server.cli.text import echo, printable
from mock_server.engine import behaviour as profiles
from mock_server.engine.randomness import MAX_SEED
from mock_server.engine.scenario import Scenario, load_available, read
from mock_server.errors import UsageError, unknown_name
from mock_server.openapi_document import VERSIONS, VIEWS, contract_form

_FILES = (".yaml", ".yml", ".json")


@click.command()
@click.argument("name", metavar="[NAME|FILE]", required=False)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    help="The seed of the run that is shown.",
)
@scenarios_option
def scenarios(name: str | None, seed: int, directory: Path | None) -> None:
    """List the scenarios, or draw one: its steps over time, and every event.

    NAME is one of the list, FILE (.yaml or .yml) one of your own. Copy a scenario, change it, draw
    it, and name its directory with serve --scenarios.
    """
    if name is not None and name.endswith(_FILES):
        _show(read(Path(name)), seed)
        return
    found = load_available(scenario_folder(directory))
    if name is None:
        width = max(map(len, found))
        for scenario in found.values():
            echo(f"{scenario.name:<{width}}  {scenario.summary}")
        return
    if name not in found:
        raise UsageError(unknown_name("scenario", name, found))
    _show(found[name], seed)


@click.command()
@click.argument("name", required=False)
def behaviours(name: str | None) -> None:
    """List the behaviour profiles, or show how NAME answers the contract's open questions.

    A profile is a file of its own: answers: {Q10: cooperative, ...}; what it leaves out is answered
    as the contract does. NAME may be the path of one.
    """
    directory = resources.behaviours_dir()
    if name is None:
        files = sorted(directory.glob("*.yaml"))
        width = max(len(file.stem) for file in files)
        for file in files:
            click.echo(f"{file.stem:<{width}}  {profiles.summary(file)}")
        return
    answers = profiles.find(name, directory).answers()
    default = profiles.Behaviour().answers()
    for number, question in profiles.questions().items():
        answer = answers[number]
        mark = " " if answer == default[number] else "*"
        click.echo(
            f"{number}{mark} {question.question}\n       {answer}: {question.answers[answer]}"
        )


@click.command()
@click.option(
    "--version",
    type=click.Choice(VERSIONS),
    default=VERSIONS[0],
    show_default=True,
    help="The OpenAPI version.",
)
@click.option(
    "--view",
    type=click.Choice(VIEWS),
    default=VIEWS[0],
    show_default=True,
    help="All of the contract, or only what is documented or derived.",
)
@click.option("--control", is_flag=True, help="The control API's document instead.")
@click.option("--workflows", is_flag=True, help="The Arazzo description of the workflows instead.")
def openapi(version: str, view: str, control: bool, workflows: bool) -> None:
    """Print the contract: the source as YAML, its other versions and view as JSON."""
    path = contract_form(version, view)
    if control:
        path = resources.control_file()
    elif workflows:
        path = resources.workflows_file()
    click.echo(path.read_text(encoding="utf-8"), nl=False)


def _show(scenario: Scenario, seed: int) -> None:
    log = timeline.play(scenario, seed)
    sections: list[Callable[[], list[str]]] = [
        lambda: [f"{scenario.name}: {scenario.summary}"],
        lambda: timeline.picture(scenario, log),
        lambda: timeline.lines(scenario, log),
    ]
    click.echo("\n\n".join("\n".join(map(printable, section())) for section in sections))
