"""`runs-conformance mcp`: the kit as tools of an agent, over the Model Context Protocol."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from conformance.cli.options import SettingsCommand, chosen_params
from conformance.config import converters
from conformance.config.sources import Resolution
from conformance.errors import ConfigurationError
from conformance.vocabulary import ExitCode

_ADDRESS = re.compile(r"\A(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


class Address(click.ParamType[Any]):
    """A host and a port."""

    name = "host:port"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        found = _ADDRESS.fullmatch(value)
        if found is None or int(found["port"]) > 65_535:
            self.fail(f"expected HOST:PORT such as 127.0.0.1:8766, got {value!r}.", param, ctx)
        return found["host"].strip("[]"), int(found["port"])


@click.command(name="mcp", cls=SettingsCommand, params=chosen_params(("config", "base_url")))
@click.option(
    "--allow-url",
    "allowed",
    multiple=True,
    metavar="URL",
    help="Another API that an agent may test, with a credential that it names. APIs of this host "
    "are allowed.",
)
@click.option(
    "--reports",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Directory with JSON reports that an agent may read.",
)
@click.option(
    "--http",
    "listen",
    type=Address(),
    metavar="HOST:PORT",
    help="Serve over streamable HTTP at /mcp; port 0 takes a free one. Default: stdin and stdout.",
)
@click.option(
    "--http-token",
    "token",
    metavar="TOKEN",
    envvar="RUNS_CONFORMANCE_MCP_TOKEN",
    show_envvar=True,
    help="Token that clients have to send over HTTP, as Bearer.",
)
@click.option("--list", "list_tools", is_flag=True, help="List the tools.")
@click.pass_context
def mcp_command(
    ctx: click.Context,
    /,
    allowed: tuple[str, ...],
    directory: Path | None,
    listen: tuple[str, int] | None,
    token: str | None,
    list_tools: bool,
    **settings: Any,
) -> None:
    """Serve the kit as tools of an agent, over the Model Context Protocol: look requirements up,
    run checks, read reports.

    \b
    runs-conformance mcp --base-url http://127.0.0.1:8000
    runs-conformance mcp --config conformance.toml --reports reports/
    runs-conformance mcp --http 127.0.0.1:8766

    Credentials come from the environment and the configuration file, as for 'run', and are sent to
    the configured URL only. Programs that the configuration names are not run. docs/agents.md shows
    how to configure clients.
    """
    if list_tools:
        _list()
        return
    resolution = Resolution.of(ctx)
    if resolution.file_error is not None:
        raise resolution.file_error
    resolution.errors.raise_all()
    urls = tuple(_url(each) for each in allowed)
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise ConfigurationError(
            "--http-token: expected printable ASCII without spaces, got another text.",
            "Choose another token.",
        )
    if listen is None and (sys.stdin is None or sys.stdout is None):
        raise ConfigurationError(
            "expected a client at stdin and stdout, got closed ones.", "Try --http."
        )
    if listen is not None and token is None and not _is_loopback(listen[0]):
        raise ConfigurationError(
            f"--http {listen[0]}: expected a loopback address, or a token that clients send.",
            "Set RUNS_CONFORMANCE_MCP_TOKEN.",
        )
    # The libraries take a second to load, and only this command needs them.
    from conformance.mcp.report_shelf import ReportShelf  # noqa: PLC0415
    from conformance.mcp.server import build  # noqa: PLC0415
    from conformance.mcp.targets import Targets  # noqa: PLC0415
    from conformance.mcp.transport import PATH, serve_http, serve_stdio  # noqa: PLC0415

    file = resolution.file
    config = "" if file is None else str(file.path.resolve())
    server = build(Targets(settings["base_url"] or "", config, urls), ReportShelf(directory))
    if listen is None:
        try:
            serve_stdio(server)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            # The client has gone.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitCode.NOT_CONFORMANT)
        return
    with _listener(*listen) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        line = f"MCP server of the kit: http://{shown}:{port}{PATH}"
        serve_http(server, listener, token, lambda: click.echo(line))


def _list() -> None:
    from conformance.mcp.server import TOOLS  # noqa: PLC0415

    width = max(len(each.name) for each in TOOLS)
    for each in TOOLS:
        click.echo(f"{each.name:<{width}}  {each.summary}")


def _url(text: str) -> str:
    """Return a URL that is allowed. Raise ConfigurationError."""
    try:
        return converters.base_url(text)
    except ConfigurationError as fault:
        raise ConfigurationError(f"--allow-url: {fault.message}", fault.hint) from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raise ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"--http: expected a free address of this host, got {host}:{port}: {error.strerror}.",
            "Choose another port, or 0 for a free one.",
        ) from None
