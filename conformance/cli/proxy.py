"""`runs-conformance proxy`: pass traffic on to an API, and judge client and server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from conformance.catalogue.versions import load_version
from conformance.cli.options import TRAFFIC_KEYS, SettingsCommand, chosen_params
from conformance.cli.recording_options import (
    OutputFolder,
    keep_patterns,
    output_options,
    show_written,
)
from conformance.config import converters
from conformance.errors import ConfigurationError, KitError
from conformance.proxy.addresses import Target
from conformance.proxy.log_file import LogFile
from conformance.proxy.observer import Observer
from conformance.proxy.session import ProxyConfig, ProxySession
from conformance.recording.folder import RecordingFolder
from conformance.recording.traffic_recorder import TrafficRecorder
from conformance.reporters.console import print_line
from conformance.reporters.terminal import TerminalReporter
from conformance.traffic.exchange import ObservedExchange
from conformance.traffic.judge import Judge
from conformance.traffic.outcome import Outcome
from conformance.traffic.reports import Observation, client_catalogue, reports_of
from conformance.traffic.settings import TrafficSettings, traffic_settings
from conformance.vocabulary import ExitCode, Verdict

_CONNECTION = ("cacert", "client_cert", "client_key", "insecure")


@click.command(
    name="proxy",
    cls=SettingsCommand,
    params=chosen_params(("config", *_CONNECTION, *TRAFFIC_KEYS)),
)
@click.option(
    "--target",
    metavar="URL",
    help="The API to pass requests on to: what comes before /api/v1.  [default: base_url of the "
    "configuration]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=9090,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--enforce",
    is_flag=True,
    help="Reject requests that violate the contract, with a problem document, instead of passing "
    "them on; with --strict those that deviate, too.",
)
@click.option("--keep-host", is_flag=True, help="Send the client's Host to the target.")
@click.option(
    "--sole-client",
    is_flag=True,
    help="No other client changes the runs: a change that no observed request explains is a "
    "failure.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the exchanges as NDJSON, without credentials, for check-traffic.",
)
@click.option(
    "--record",
    type=OutputFolder(),
    metavar="DIR",
    help="Write the runs that pass as scenarios, a world and a behaviour profile for the mock, to "
    "this directory, which is new or empty.",
)
@output_options
@click.pass_context
def proxy_command(ctx: click.Context, /, **options: Any) -> None:
    """Pass traffic on to an API unchanged, and judge what passes: requests (client) and responses
    (server), and runs, lists, steps and streams over time.

    \b
    Between a frontend and a backend:
      runs-conformance proxy --target http://127.0.0.1:8000 --port 9090
    Stop with Ctrl-C for the verdicts, and write them to files:
      runs-conformance proxy --target https://api.example.com --html report.html

    Point the client at http://127.0.0.1:9090. Reports on the server have the names given, those on
    the client have -client in addition: report.html and report-client.html. Requirements that the
    traffic does not exercise are listed as not exercised, and never fail.

    \b
    Exit codes: 0 conformant, 1 client or server not conformant, 2 no verdict (configuration, no
    traffic of the API).
    """
    console = Console(highlight=False)
    try:
        settings = traffic_settings(ctx)
        code = _run(console, settings, options)
    except KitError as fault:
        TerminalReporter(console).refuse(*fault.parts)
        sys.exit(ExitCode.NO_VERDICT)
    sys.exit(code)


def _run(console: Console, settings: TrafficSettings, options: dict[str, Any]) -> ExitCode:
    target = _target(options["target"], settings)
    _check_no_loop(target, options["port"])
    outcome = Outcome(console, settings)
    judge = Judge(
        load_version(settings.catalogue),
        client_catalogue(),
        base_url=target,
        settle=settings.settle,
        sole=options["sole_client"],
        on_new=outcome.show,
    )
    log = LogFile(options["log"], judge.secrets) if options["log"] else None
    recorder = _recorder(options, judge)
    config = ProxyConfig(
        target=target,
        host=options["host"],
        port=options["port"],
        connection=settings.connection,
        enforce=options["enforce"],
        strict=Verdict.DEVIATION in settings.fail_on,
        keep_host=options["keep_host"],
    )

    def listening(port: int) -> None:
        host = f"[{config.host}]" if ":" in config.host else config.host
        print_line(console, Text(f"Proxy  http://{host}:{port} -> {target}"))
        print_line(console, Text("Ctrl-C stops it and prints the verdicts.", style="dim"))

    started, begin = Observation.now(), time.monotonic()
    takers = [each for each in (log and log.write, recorder and recorder.take) if each]
    observer = Observer(judge, partial(_take_all, takers) if takers else None)
    problem = ProxySession(config, observer, outcome.safely(listening)).run()
    if log is not None:
        log.close()
        problem = problem or log.failed
    if not judge.counts.judged:
        problem = problem or "No request to the API passed."
    elif not judge.server.exercised:
        problem = problem or observer.unreachable or "No response of the API passed."
    seen = Observation(target, started, round(time.monotonic() - begin, 1), "proxy")
    server, client = reports_of(judge, settings, seen, problem)
    code = outcome.conclude(server, client)
    if recorder is not None:
        written = recorder.write(server, judge.secrets.redactor)
        outcome.safely(show_written)(options["record"], written)
        for note in recorder.notes:
            outcome.safely(print_line)(console, Text(note, style="yellow"))
    return code


def _recorder(options: dict[str, Any], judge: Judge) -> TrafficRecorder | None:
    if options["record"] is None:
        if given := next((n for n in ("keep", "force") if options[n]), ""):
            raise ConfigurationError(f"--{given}: expected --record DIR, got none.", "Add it.")
        return None
    folder = RecordingFolder(options["record"], "--record", force=options["force"])
    return TrafficRecorder(folder, judge.secrets, keep_patterns(options["keep"]))


def _take_all(takers: Sequence[Callable[[ObservedExchange], None]], seen: ObservedExchange) -> None:
    for take in takers:
        take(seen)


def _check_no_loop(target: str, port: int) -> None:
    """A proxy that passes requests on to itself would do so without an end."""
    at = Target.of(target)
    if at.host in ("localhost", "127.0.0.1", "::1", "0.0.0.0") and at.port == port:  # noqa: S104
        raise ConfigurationError(
            f"--target: expected another address than that of the proxy, got {target}.",
            "Choose another --port.",
        )


def _target(given: str | None, settings: TrafficSettings) -> str:
    if given is None and not settings.base_url:
        raise ConfigurationError(
            "--target: expected the URL of an API, got none.",
            "Write it as --target http://HOST:PORT",
        )
    if given is None:
        return settings.base_url
    try:
        return converters.base_url(given)
    except ConfigurationError as fault:
        raise ConfigurationError(f"--target: {fault.message}", fault.hint) from None
