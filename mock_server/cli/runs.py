"""``runs-mock new``, ``follow``, ``end``, ``decide`` and ``arrivals``: runs, one by one."""

import json
import math
import shlex
from pathlib import Path
from typing import Any

import click
import yaml

from mock_server.cli.follow import follow_run
from mock_server.cli.remote import API, Remote, ResponseError, with_remote
from mock_server.cli.text import echo
from mock_server.engine.duration import parse_duration
from mock_server.errors import UsageError, unknown_name

_FILES = (".yaml", ".yml", ".json")
_MAX_LISTED = 40


class Takes(click.ParamType[Any]):
    """A step and how long it takes: ``2=30s``."""

    name = "takes"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        step, equals, duration = value.rpartition("=")
        if not equals or not step:
            self.fail(f"{value!r}: write the step, = and a duration, as in 2=30s", param, ctx)
        try:
            parse_duration(duration)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return step, duration


@click.command()
@click.argument("scenario", metavar="SCENARIO|FILE")
@click.option("--fail", "fails", multiple=True, metavar="STEP", help="This step fails.")
@click.option("--hang", "hangs", multiple=True, metavar="STEP", help="This step never ends.")
@click.option(
    "--ask",
    "asks",
    multiple=True,
    metavar="STEP",
    help="This step awaits a decision (runs-mock decide).",
)
@click.option(
    "--takes",
    multiple=True,
    type=Takes(),
    metavar="STEP=DURATION",
    help="This step takes so long: 250ms, 30s, 5m.",
)
@click.option("-f", "--follow", is_flag=True, help="Print its events as they happen.")
@click.option("-q", "--quiet", is_flag=True, help="Print its id and nothing else.")
@with_remote
def new(
    mock: Remote,
    scenario: str,
    takes: tuple[tuple[str, str], ...],
    follow: bool,
    quiet: bool,
    **outcomes: tuple[str, ...],
) -> None:
    """Make a run and print its id. SCENARIO is one that `runs-mock scenarios` lists; FILE, which
    ends in .yaml, one of your own. STEP is the key of a step, or its number, from 1.

    \b
    runs-mock new quick-success                            it succeeds
    runs-mock new quick-success --fail 2                   it fails at step two
    runs-mock new quick-success --fail 2 --takes 2=30s     and is slow to
    runs-mock new diamond --takes fetch=5m --follow        a slow start, watched
    runs-mock new ./mine.yaml --world test-me
    """
    path = Path(scenario) if scenario.endswith(_FILES) else None
    content = _read(path) if path is not None else None
    body: dict[str, Any] = {"scenario": scenario if content is None else content}
    if takes or any(outcomes.values()):
        keys = _keys(mock, scenario) if content is None else _step_keys(content)
        body["changes"] = _changes(scenario, keys, takes, outcomes)
    try:
        run_id = mock.post("/runs", body)["id"]
    except ResponseError as error:
        if path is not None and error.status == 422:
            _explain(path)
        raise
    echo(run_id)
    if follow:
        follow_run(mock, run_id)
    elif not quiet:
        key, address = f"X-API-Key: {mock.world}", f"{mock.url}{API}/{run_id}"
        echo(f"curl -H {shlex.quote(key)} {shlex.quote(address)}")


@click.command()
@click.argument("run")
@with_remote
def follow(mock: Remote, run: str) -> None:
    """Print the events of the run RUN, those that were and those to come, until it has ended."""
    follow_run(mock, run)


@click.command()
@click.argument("run")
@click.argument("outcome", type=click.Choice(["completed", "failed", "cancelled"]))
@click.option("--step", metavar="KEY", help="End this step only; it must be at work.")
@with_remote
def end(mock: Remote, run: str, outcome: str, step: str | None) -> None:
    """End the run RUN now, with an outcome.

    \b
    runs-mock end 0b6a4e5c-... failed
    runs-mock end 0b6a4e5c-... completed --step fetch
    """
    body = {"outcome": outcome} | ({} if step is None else {"step": step})
    _print(mock.post(f"/runs/{run}/outcome", body))


@click.command()
@click.argument("run")
@click.argument("decision", type=click.Choice(["yes", "no"]))
@click.option("--step", metavar="KEY", help="The step; by default the first that waits.")
@with_remote
def decide(mock: Remote, run: str, decision: str, step: str | None) -> None:
    """Decide about the step of RUN that awaits a decision."""
    body = {"approved": decision == "yes"} | ({} if step is None else {"step": step})
    _print(mock.post(f"/runs/{run}/decision", body))


@click.command()
@click.argument("rate", required=False, metavar="[PER_MINUTE|off]")
@with_remote
def arrivals(mock: Remote, rate: str | None) -> None:
    """Let so many runs arrive every minute of the world's time, or none; without an argument, say
    how many do.

    \b
    runs-mock arrivals 6
    runs-mock arrivals off
    """
    if rate == "off":
        mock.call("DELETE", "/arrivals")
        shown = mock.get("/arrivals")
    elif rate is None:
        shown = mock.get("/arrivals")
    else:
        try:
            number = float(rate)
            if not math.isfinite(number):
                raise ValueError
        except ValueError:
            raise click.BadParameter(
                f"expected a number of runs per minute or off, got {rate!r}"
            ) from None
        shown = mock.call("PUT", "/arrivals", {"perMinute": number})
    echo(f"{shown['perMinute']:g} a minute  {', '.join(shown['scenarios'])}".rstrip())


def _print(run: dict[str, Any]) -> None:
    echo(f"{run['id']}  {run['status']}")


def _read(path: Path) -> Any:
    """Return the content of the file as JSON. Raise UsageError with the line of an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{path}: expected a file, found none; without .yaml it is the name of a scenario"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    try:
        content = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        _explain(path)
        raise
    if not isinstance(content, dict):
        what = "is empty" if content is None else f"holds no mapping but {content!r:.60}"
        raise UsageError(f"{path} {what}: a scenario has summary, automation and steps")
    try:
        return json.loads(json.dumps(content, default=str, allow_nan=False))
    except (ValueError, TypeError) as error:
        _explain(path)
        raise UsageError(f"{path} holds what JSON has not: {error}") from None


def _explain(path: Path) -> None:
    """Raise UsageError with the line and key of the first error, if there is one."""
    # It takes half a second to load, and only an invalid file needs it.
    from mock_server.engine.scenario import read  # noqa: PLC0415

    read(path)


def _keys(mock: Remote, scenario: str) -> list[str]:
    known: dict[str, list[str]] = {
        each["name"]: each["stepKeys"] for each in mock.get("/scenarios")["items"]
    }
    if scenario not in known:
        raise UsageError(unknown_name("scenario", scenario, known))
    return known[scenario]


def _step_keys(content: Any) -> list[str]:
    steps = content.get("steps") if isinstance(content, dict) else None
    entries = steps if isinstance(steps, list) else []
    return [str(step["key"]) for step in entries if isinstance(step, dict) and "key" in step]


def _changes(
    scenario: str,
    keys: list[str],
    takes: tuple[tuple[str, str], ...],
    outcomes: dict[str, tuple[str, ...]],
) -> dict[str, dict[str, str]]:
    """Return the changes by the key of the step. Raise UsageError."""
    changes: dict[str, dict[str, str]] = {}

    def change(step: str, name: str, value: str) -> None:
        key = step
        if step not in keys:
            number = int(step) if step.isascii() and step.isdigit() and len(step) < 9 else 0
            if not 1 <= number <= len(keys):
                listed = ", ".join(f"{n} {key}" for n, key in enumerate(keys[:_MAX_LISTED], 1))
                raise UsageError(f"{scenario} has no step {step!r}; its steps are: {listed}")
            key = keys[number - 1]
        if changes.setdefault(key, {}).setdefault(name, value) != value:
            raise UsageError(f"step {key!r} cannot both be {changes[key][name]} and {value}")

    for option, outcome in (("fails", "fails"), ("hangs", "hangs"), ("asks", "awaits decision")):
        for step in outcomes[option]:
            change(step, "outcome", outcome)
    for step, duration in takes:
        change(step, "takes", duration)
    return changes
