"""`runs-conformance replay`: send the requests of a recorded failure again."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.text import Text

from conformance.catalogue.versions import known
from conformance.cli.options import VERDICT_KEYS, SettingsCommand, setting_params
from conformance.config.settings import from_context
from conformance.errors import ConfigurationError, KitError
from conformance.reporters.console import print_line
from conformance.reporters.replay_progress import ReplayReporter
from conformance.results.failure_file import FailureFile, read_failure
from conformance.results.replay import Replay, ReplayCode
from conformance.runner.replay import replay
from conformance.runner.run import ReportedError
from conformance.vocabulary import ExitCode

_NOT_OFFERED = (*VERDICT_KEYS, "catalogue", "workers", "sequential", "fuzz", "fuzz_seed")
_STYLES = {ReplayCode.FIXED: "bold green", ReplayCode.STILL_FAILS: "bold red"}


@click.command(name="replay", cls=SettingsCommand, params=setting_params(without=_NOT_OFFERED))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--timing",
    type=click.Choice(["compressed", "recorded"]),
    default="compressed",
    show_default=True,
    help="Send each request as soon as the check can, or no sooner after the one before than was "
    "recorded.",
)
@click.pass_context
def replay_command(ctx: click.Context, /, file: Path, timing: str, **settings: Any) -> None:
    """Send the requests of a failure again and say whether it still fails.

    \b
    runs-conformance run --failures failures/ --base-url http://127.0.0.1:8080 --token demo
    runs-conformance replay failures/CANCEL-02.json --token demo

    FILE is one that 'run --failures' wrote. The failed checks are run again, with the recorded seed
    and on fresh runs in the recorded states; the replay compares the requests, with the ids of the
    new runs in the place of the recorded ones. Settings come from the options, the environment and
    the configuration file, as for 'run'. Without a base URL the recorded one is used, if it is on
    this host.

    \b
    Exit codes: 0 it no longer fails, 1 it still fails, 2 it cannot be judged (configuration, API
    not reachable, no run or no check of this kind), 130 interrupted.
    """
    console = Console(highlight=False)
    reporter = ReplayReporter(console)
    try:
        failure = read_failure(file)
        known(failure.catalogue)
        if not ctx.params.get("base_url"):
            ctx.params["base_url"] = _recorded_url(failure)
        print_line(
            console, Text(failure.requirement, "bold").append(f"  {failure.statement}", "default")
        )
        print_line(console, Text(f"recorded {failure.started}, {failure.verdict}:"))
        for check in failure.checks:
            print_line(console, Text(f"  {check.name}: {check.message}", style="dim"))
        # Requirements that the configuration excludes are replayed all the same.
        given = from_context(ctx, {"include": ("*",)})
        found = replay(given, failure, [reporter], keep_timing=timing == "recorded")
    except KitError as fault:
        if not isinstance(fault, ReportedError):
            reporter.refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    _show(console, found)
    sys.exit(ExitCode.INTERRUPTED if reporter.interrupted else found.code)


def _show(console: Console, found: Replay) -> None:
    for check in found.checks:
        for line in check.lines:
            print_line(console, Text(line))
    print_line(console, Text(found.conclusion, _STYLES.get(found.code, "bold magenta")))


def _recorded_url(failure: FailureFile) -> str:
    """Return the recorded base URL. Raise ConfigurationError if it is not on this host: a file of
    others must not decide where a credential is sent."""
    if _is_loopback(failure.base_url):
        return failure.base_url
    raise ConfigurationError(
        f"{failure.path}: expected a base URL on this host, or --base-url, got "
        f"{failure.base_url!r}.",
        "Name the API that is to get the credential: --base-url URL",
    )


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
