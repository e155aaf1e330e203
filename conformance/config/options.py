"""Declare every setting once. The command line, the environment, the configuration file, its
template and the pytest plugin all use this table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conformance.catalogue.versions import LATEST
from conformance.client.connection import parse_header
from conformance.config import converters, toml_file
from conformance.config.report_options import REPORT_OPTIONS
from conformance.config.shard_options import SHARD_OPTIONS
from conformance.config.sources import Resolution, Setting, read_file
from conformance.errors import ConfigurationError
from conformance.vocabulary import ROOT, FileKind, ProvisionMethod

MAX_WORKERS = 32
TARGET = "Target"
CREDENTIALS = "Credentials"
PROVISIONING = "Provisioning"
SELECTION = "Selection"
TIME = "Time"
FUZZING = "Fuzzing"
CONNECTION = "TLS and proxy"


def _load_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Take defaults from the configuration file, before any other setting is read."""
    try:
        file = toml_file.find(value or "", Path())
    except ConfigurationError as fault:
        Resolution.of(ctx).file_error = fault
        return value
    if file is not None:
        read_file(ctx, file, OPTIONS)
    return value


def _credential(name: str, text: str) -> Setting:
    """Declare a secret, which the environment holds: BACKEND_TOKEN is its example."""
    return Setting(
        name,
        text,
        converters.secret,
        group=CREDENTIALS,
        metavar="SECRET",
        example=f"BACKEND_{name.upper().replace('-', '_')}",
    )


def _token_command(name: str, text: str) -> Setting:
    """Declare a command that prints a credential."""
    return Setting(name, text, group=CREDENTIALS, metavar="COMMAND", example="./get-token")


OPTIONS = (
    Setting(
        "config",
        "Configuration file. Default: conformance.toml, or [tool.runs-conformance] of "
        "pyproject.toml, in the working directory.",
        group=TARGET,
        metavar="FILE",
        in_file=False,
        is_eager=True,
        callback=_load_file,
    ),
    Setting(
        "base-url",
        f"URL of the API: what comes before {ROOT}.",
        converters.base_url,
        group=TARGET,
        metavar="URL",
        example="http://127.0.0.1:8080",
    ),
    Setting(
        "read-only",
        "Send only GET requests to the API: safe on production.",
        group=TARGET,
        flag=True,
    ),
    Setting(
        "header",
        "Send this header with every request. Give secrets in RUNS_CONFORMANCE_HEADER, one "
        "header on each line.",
        parse_header,
        group=TARGET,
        metavar="'NAME: VALUE'",
        lines=True,
        multiple=True,
        at="connection.headers",
        example="X-Environment: staging",
    ),
    _credential(
        "token",
        "Credential of the tenant under test, sent as Authorization: Bearer. The first of token, "
        "api-key and cookie that is given is the default; the others are used where a check is "
        "about that security scheme.",
    ),
    _credential("api-key", "The same, sent as X-API-Key."),
    _credential("cookie", "The same, sent as the cookie vai_token."),
    _credential(
        "other-token",
        "Credential of another tenant, for the checks of tenant isolation.",
    ),
    _credential("other-api-key", "The same, sent as X-API-Key."),
    _credential("other-cookie", "The same, sent as the cookie vai_token."),
    _token_command(
        "token-command",
        "Command that prints a token, or JSON with access_token and expires_in. It is run at the "
        "start, before the token expires, and when an accepted token is rejected (401).",
    ),
    _token_command("other-token-command", "The same, for the other tenant."),
    Setting(
        "provision",
        "How to create or find the runs that checks need: mock (its control API), http "
        "(--trigger), command (--command), discover (read the list, create nothing), static "
        "(--state), or auto: what is configured, else mock if the target is one, else discover.",
        converters.word(ProvisionMethod),
        group=PROVISIONING,
        metavar="METHOD",
        default="auto",
    ),
    Setting(
        "state",
        "Use this run, as STATE=RUN_ID. See: runs-conformance states",
        converters.state_run,
        group=PROVISIONING,
        metavar="S=ID",
        multiple=True,
        pairs=True,
        at="states",
        example="completed=497f6eca-6276-4993-bfeb-53cbbbba6f08",
    ),
    Setting(
        "trigger",
        "Request that creates a run in {state}, as POST /path/{state}.",
        group=PROVISIONING,
        metavar="REQUEST",
        at="trigger.request",
        example="POST /internal/runs/{state}",
    ),
    Setting(
        "trigger-body",
        "JSON body of that request, with {state} for the state of the run.",
        group=PROVISIONING,
        metavar="JSON",
        at="trigger.body",
        example='{"automation": "{state}"}',
    ),
    Setting(
        "trigger-id",
        "Path of the run's id in the response, as data.run.id.",
        group=PROVISIONING,
        metavar="PATH",
        default="id",
        at="trigger.id",
    ),
    Setting(
        "command",
        "Executable that creates a run. It gets the state as its last argument, and RUNS_BASE_URL, "
        "RUNS_SECRET, RUNS_AUTH_HEADER and RUNS_STATE in its environment; it prints "
        '{"id": "..."} or {"unsupported": "why"}.',
        group=PROVISIONING,
        metavar="COMMAND",
        at="command.run",
        example="./make-a-run",
    ),
    Setting(
        "no-commands",
        "Run no program that the configuration names (command, clock, token-command): for files "
        "of others.",
        group=PROVISIONING,
        flag=True,
        in_file=False,
    ),
    Setting(
        "clock",
        "Request, as POST /path, or command that moves the target's clock forward by {seconds}. "
        "Without it the kit waits in real time.",
        group=PROVISIONING,
        metavar="REQUEST",
        at="clock.advance",
        example="POST /internal/clock?by={seconds}",
    ),
    Setting(
        "clock-body",
        "JSON body of that request, with {seconds} for the number of seconds.",
        group=PROVISIONING,
        metavar="JSON",
        at="clock.body",
        example='{"seconds": "{seconds}"}',
    ),
    Setting(
        "include",
        "Test only requirements whose id matches this pattern.",
        converters.pattern,
        group=SELECTION,
        metavar="PATTERN",
        multiple=True,
        example="LIST-*",
    ),
    Setting(
        "exclude",
        "Do not test requirements whose id matches this pattern.",
        converters.pattern,
        group=SELECTION,
        metavar="PATTERN",
        multiple=True,
        example="AUTH-0[2-4]",
    ),
    Setting(
        "catalogue",
        "Test the requirements of this version of the catalogue at their levels there, such as "
        "1.0. An update of the kit then adds no requirement.",
        converters.catalogue_version,
        group=SELECTION,
        metavar="VERSION",
        default=LATEST,
    ),
    Setting(
        "strict",
        "Count deviations and requirements that were not tested as failures: "
        "--fail-on violation,deviation,inconclusive.",
        group=SELECTION,
        flag=True,
    ),
    Setting(
        "fail-on",
        "Verdicts that fail the run, separated by commas: violation (always), deviation, "
        "inconclusive (not what is unsupported or out of the mode's reach).",
        converters.verdicts,
        group=SELECTION,
        metavar="VERDICTS",
        example="violation,inconclusive",
    ),
    Setting(
        "workers",
        "Number of processes that run checks in parallel.",
        converters.integer(1, MAX_WORKERS),
        group=SELECTION,
        metavar="N",
        default="1",
    ),
    Setting(
        "sequential",
        "Run one check at a time. By default checks wait for their runs side by side, where the "
        "kit creates runs and waits in real time.",
        group=SELECTION,
        flag=True,
    ),
    Setting(
        "budget",
        "Maximum time of the run, such as 90s or 5m.",
        converters.duration,
        group=TIME,
        metavar="TIME",
        default="10m",
    ),
    Setting(
        "timeout",
        "Maximum time of one response.",
        converters.duration,
        group=TIME,
        metavar="TIME",
        default="10s",
    ),
    Setting(
        "patience",
        "Maximum time to wait for a run to reach a status.",
        converters.duration,
        group=TIME,
        metavar="TIME",
        default="60s",
    ),
    Setting(
        "settle",
        "Maximum time that the list may lag behind a write, as with read replicas.",
        converters.duration,
        group=TIME,
        metavar="TIME",
        default="1s",
    ),
    Setting(
        "requests-per-minute",
        "Send at most N requests a minute, evenly spaced. Default: the limit that the API "
        "announces in its headers, if it does.",
        converters.integer(1, 1_000_000),
        group=TIME,
        metavar="N",
        example="60",
    ),
    Setting(
        "wait-for-api",
        "Wait up to TIME for the API to become available.",
        converters.duration,
        group=TIME,
        metavar="TIME",
        example="60s",
    ),
    Setting(
        "fuzz",
        "Generate N random cases per operation instead of the fixed set.",
        converters.integer(1, 100_000),
        group=FUZZING,
        metavar="N",
        example="200",
    ),
    Setting(
        "fuzz-seed",
        "Generate the same random cases as the run that reported this seed.",
        converters.integer(0, 2**32 - 1),
        group=FUZZING,
        metavar="SEED",
        example="7",
    ),
    Setting(
        "proxy",
        "Send all requests through this proxy. Proxy variables of the environment are ignored.",
        converters.proxy_url,
        group=CONNECTION,
        metavar="URL",
        at="connection.proxy",
        example="http://127.0.0.1:3128",
    ),
    Setting(
        "cacert",
        "Trust only the certificate authorities in this PEM file.",
        group=CONNECTION,
        metavar="FILE",
        at="connection.cacert",
        example="authority.pem",
    ),
    Setting(
        "client-cert",
        "Client certificate (PEM).",
        group=CONNECTION,
        metavar="FILE",
        at="connection.client_cert",
        example="client.pem",
    ),
    Setting(
        "client-key",
        "Key of the client certificate, if it is in another file.",
        group=CONNECTION,
        metavar="FILE",
        at="connection.client_key",
        example="client-key.pem",
    ),
    Setting(
        "insecure",
        "Do not verify the server's TLS certificate (noted in the report).",
        group=CONNECTION,
        flag=True,
        at="connection.insecure",
    ),
    *SHARD_OPTIONS,
    *REPORT_OPTIONS,
)

BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in OPTIONS}
REPORT_KEYS = tuple(kind.value for kind in FileKind)


def new_context(given: Mapping[str, Any]) -> click.Context:
    """Return a context for settings that do not come from a command line. Raise ConfigurationError
    for a key that is not a setting."""
    for key in given:
        if key not in BY_KEY:
            raise ConfigurationError(
                f"expected the key of a setting, got {key!r}.", toml_file.nearest(key, BY_KEY)
            )
    return click.Context(click.Command("settings"))
