"""The command ``runs-mock``."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mock_server import __version__, clock, resources, timeline
from mock_server import behaviour as behaviours
from mock_server.errors import UsageError
from mock_server.scenario import Scenario, known
from mock_server.worlds import NAME, Settings


class Instant(click.ParamType[Any]):
    """A date and time with a zone."""

    name = "date-time"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            return clock.from_text(value)
        except ValueError as error:
            self.fail(f"{error} (expected something like 2026-03-02T08:15:00Z)", param, ctx)


class Speed(click.ParamType[Any]):
    """How fast a clock goes: ``real``, ``frozen``, or a number of times real."""

    name = "speed"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, float):
            return value
        named = {"real": 1.0, "frozen": 0.0}
        if value in named:
            return named[value]
        try:
            scale = float(value.removesuffix("x"))
        except ValueError:
            scale = -1.0
        if not 0.001 <= scale <= 100_000:
            self.fail(
                f"{value!r} is none of: real, frozen, or 0.001 to 100000 (times real)", param, ctx
            )
        return scale


class Names(click.ParamType[Any]):
    """Names of worlds, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        for name in names:
            if not NAME.fullmatch(name):
                self.fail(f"{name!r}: a name is lower-case letters, digits, . _ and -", param, ctx)
        if not names:
            self.fail("name at least one world", param, ctx)
        return names


scenarios_option = click.option(
    "--scenarios",
    "directory",
    type=click.Path(path_type=Path),
    envvar="RUNS_MOCK_SCENARIOS",
    help="Directory with scenarios of your own (*.yaml), beside the ones that come with the mock.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="runs-mock")
def cli() -> None:
    """A living Automation runs API: runs wait, run their steps, fail, are cancelled and retried, on
    a clock you control.

    \b
    runs-mock serve                    serve on http://127.0.0.1:8080
    runs-mock serve --clock 60         a minute in every second
    runs-mock scenarios                what kinds of run there are
    runs-mock scenarios diamond        how one of them goes

    Every option of `serve` can also be set in the environment, as RUNS_MOCK_PORT and so on; the
    option wins.
    """


@cli.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="RUNS_MOCK_HOST",
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    envvar="RUNS_MOCK_PORT",
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--clock",
    "scale",
    type=Speed(),
    default="real",
    show_default=True,
    envvar="RUNS_MOCK_CLOCK",
    help="How fast time goes: real, frozen, or how many times real.",
)
@click.option(
    "--now",
    type=Instant(),
    envvar="RUNS_MOCK_NOW",
    help="The date and time every world begins with.  [default: the machine's]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    envvar="RUNS_MOCK_SEED",
    help="Where ids, names and durations come from: the same seed, the same story.",
)
@click.option(
    "--start",
    default="demo",
    show_default=True,
    envvar="RUNS_MOCK_START",
    help="What every world opens with: demo, empty, edge-cases or ten-thousand.",
)
@click.option(
    "--behaviour",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    envvar="RUNS_MOCK_BEHAVIOUR",
    help="How the contract's open questions are answered: one of the profiles that come with the "
    "mock (runs-mock behaviours lists them) or a .yaml file of your own.",
)
@click.option(
    "--worlds",
    "declared",
    type=Names(),
    default="demo,acme,globex",
    show_default=True,
    envvar="RUNS_MOCK_WORLDS",
    help="The tenants there are, beside the test-… ones that open by themselves.",
)
@scenarios_option
@click.option(
    "--access-log",
    is_flag=True,
    envvar="RUNS_MOCK_ACCESS_LOG",
    help="Print a line for every request.",
)
def serve(
    host: str,
    port: int,
    access_log: bool,
    directory: Path | None,
    behaviour: str,
    **options: Any,
) -> None:
    """Serve the API until Ctrl-C.

    \b
    runs-mock serve --port 9000
    runs-mock serve --clock frozen --now 2026-03-02T08:15:00Z --seed 7
    runs-mock serve --start empty --scenarios ./scenarios
    """
    # The server's libraries take half a second to load; only this command needs them.
    from mock_server.app import Mock  # noqa: PLC0415
    from mock_server.server import Server, address, bind  # noqa: PLC0415

    answers = behaviours.find(behaviour, resources.behaviours_dir())
    settings = Settings(scenarios=directory, behaviour=answers, **options)
    listener = bind(host, port)
    mock = Mock(settings)
    base = address(listener)
    server = Server(mock, lambda: click.echo(_greeting(base, settings)), access_log=access_log)
    # uvicorn stops in good order on Ctrl-C and then raises it again.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="The seed of the run that is shown.",
)
@scenarios_option
def scenarios(name: str | None, seed: int, directory: Path | None) -> None:
    """List the scenarios, or show how NAME goes: its steps over time, and every event.

    A scenario is a file of its own; copy one, change it, and name its directory with --scenarios.
    """
    found = known(directory)
    if name is None:
        width = max(map(len, found))
        for scenario in found.values():
            click.echo(f"{scenario.name:<{width}}  {scenario.summary}")
        return
    if name not in found:
        raise UsageError(f"there is no scenario {name!r}; there are: {', '.join(found)}")
    _show(found[name], seed)


@cli.command("behaviours")
@click.argument("name", required=False)
def list_behaviours(name: str | None) -> None:
    """List the behaviour profiles, or show how NAME answers the contract's open questions.

    A profile is a file of its own: answers: {Q10: cooperative, ...}; what it leaves out is answered
    as the contract does. NAME may be the path of one.
    """
    directory = resources.behaviours_dir()
    if name is None:
        files = sorted(directory.glob("*.yaml"))
        width = max(len(file.stem) for file in files)
        for file in files:
            click.echo(f"{file.stem:<{width}}  {behaviours.summary(file)}")
        return
    answers = behaviours.find(name, directory).answers()
    usual = behaviours.Behaviour().answers()
    for number, question in behaviours.questions().items():
        answer = answers[number]
        mark = " " if answer == usual[number] else "*"
        click.echo(
            f"{number}{mark} {question.question}\n       {answer}: {question.answers[answer]}"
        )


@cli.command()
@click.option("--control", is_flag=True, help="The control API's document instead.")
def openapi(control: bool) -> None:
    """Print the contract, an OpenAPI 3.0.3 document."""
    path = resources.control_file() if control else resources.contract_file()
    click.echo(path.read_text(encoding="utf-8"), nl=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; anything the user can mend is one line and exit code 2."""
    try:
        sys.exit(cli.main(arguments, prog_name="runs-mock", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"runs-mock: {_explain(error)}", err=True)
    except UsageError as error:
        click.echo(f"runs-mock: {error}", err=True)
    sys.exit(2)


def _explain(error: click.ClickException) -> str:
    """What is wrong; a value is blamed on the variable it came from."""
    if isinstance(error, click.BadParameter) and error.ctx and error.param and error.param.name:
        source = error.ctx.get_parameter_source(error.param.name)
        if source is ParameterSource.ENVIRONMENT:
            return f"Invalid value for {error.param.envvar}: {error.message}"
    return error.format_message()


def _show(scenario: Scenario, seed: int) -> None:
    log = timeline.play(scenario, seed)
    sections: list[Callable[[], list[str]]] = [
        lambda: [f"{scenario.name}: {scenario.summary}"],
        lambda: timeline.picture(scenario, log),
        lambda: timeline.lines(scenario, log),
    ]
    click.echo("\n\n".join("\n".join(section()) for section in sections))


def _greeting(base: str, settings: Settings) -> str:
    speed = "frozen" if settings.scale == 0 else f"{settings.scale:g} times real"
    first = settings.declared[0]
    return f"""\
Automation runs mock {__version__}

  Start page  {base}/
  API         {base}/api/v1/automation-runs
  Contract    {base}/docs
  Control     {base}/_mock
  Worlds      {", ".join(settings.declared)}, and any name that begins with test-
  Clock       {"real" if settings.scale == 1 else speed}

Try it:
  curl -H 'X-API-Key: {first}' '{base}/api/v1/automation-runs?limit=3'

Ctrl-C stops it.
"""


if __name__ == "__main__":
    main()
