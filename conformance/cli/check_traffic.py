"""`runs-conformance check-traffic`: judge recorded traffic."""

from __future__ import annotations

import sys
import time
from typing import Any

import click
from rich.console import Console

from conformance.catalogue.versions import load_version
from conformance.cli.options import TRAFFIC_KEYS, SettingsCommand, chosen_params
from conformance.errors import KitError
from conformance.reporters.terminal import TerminalReporter
from conformance.traffic.judge import Judge
from conformance.traffic.outcome import Outcome
from conformance.traffic.reports import Observation, client_catalogue, reports_of
from conformance.traffic.settings import traffic_settings
from conformance.traffic.traffic_file import read_recording
from conformance.vocabulary import ExitCode


@click.command(
    name="check-traffic", cls=SettingsCommand, params=chosen_params(("config", *TRAFFIC_KEYS))
)
@click.argument("file", metavar="FILE")
@click.option(
    "--sole-client",
    is_flag=True,
    help="No other client changes the runs: a change that no recorded request explains is a "
    "failure.",
)
@click.pass_context
def check_traffic_command(
    ctx: click.Context, /, file: str, sole_client: bool, **settings: Any
) -> None:
    """Judge the traffic recorded in FILE: requests (client) and responses (server).

    \b
    A HAR file, as the developer tools of a browser export it:
      runs-conformance check-traffic session.har --html report.html
    The log of the proxy, or the journal of the mock:
      runs-conformance check-traffic traffic.ndjson
      curl -s 'http://127.0.0.1:8080/_mock/requests?world=demo' | runs-conformance check-traffic -

    Reports on the server have the names given, those on the client have -client in addition:
    report.html and report-client.html. Requirements that the traffic does not exercise are listed
    as not exercised, and never fail.

    \b
    Exit codes: 0 conformant, 1 client or server not conformant, 2 no verdict (configuration, a file
    that cannot be read, no traffic of the API).
    """
    console = Console(highlight=False)
    try:
        read = traffic_settings(ctx)
        outcome = Outcome(console, read)
        judge = Judge(
            load_version(read.catalogue),
            client_catalogue(),
            base_url=read.base_url or "http://HOST",
            live=False,
            settle=read.settle,
            sole=sole_client,
            on_new=outcome.show,
        )
        started, begin = Observation.now(), time.monotonic()
        if file != "-":
            # In a log an exchange follows those that were complete before it.
            for exchange in read_recording(file):
                judge.sent(exchange.request)
        for exchange in read_recording(file):
            judge.exchange(exchange)
        seen = Observation(file, started, round(time.monotonic() - begin, 1), "recording")
        problem = "" if judge.counts.judged else f"{file} has no request to the API."
        code = outcome.conclude(*reports_of(judge, read, seen, problem))
    except KitError as fault:
        TerminalReporter(console).refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    sys.exit(code)
