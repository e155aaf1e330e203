"""``runs-mock mcp``: the mock as tools of an agent, over the Model Context Protocol."""

import contextlib
import sys
from typing import Any

import click

from mock_server.cli.options import BaseUrl, GroupedOptions
from mock_server.cli.text import echo
from mock_server.errors import UsageError
from mock_server.settings import Access, Settings, host_of, is_loopback
from mock_server.testing import serving

_GROUPS = {
    "Mock": "url port world token",
    "Transport": "listen",
    "Look up": "list_tools",
}


class Address(click.ParamType[Any]):
    """A host and a port."""

    name = "host:port"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1
        if host_of(value) is None or not host or not 0 <= number <= 65_535:
            self.fail(f"expected HOST:PORT such as 127.0.0.1:8765, got {value!r}", param, ctx)
        return host.strip("[]"), number


@click.command(cls=GroupedOptions, groups=_GROUPS)
@click.option(
    "--url",
    type=BaseUrl(),
    envvar="RUNS_MOCK_URL",
    show_envvar=True,
    help="A running mock. Without it, the command starts one of its own.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default="a free one",
    help="Port of its own mock, on 127.0.0.1.",
)
@click.option(
    "--world",
    metavar="NAME",
    envvar="RUNS_MOCK_WORLD",
    show_envvar=True,
    help="World that the tools use until the agent creates one.",
)
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="RUNS_MOCK_CONTROL_TOKEN",
    show_envvar=True,
    help="Control token of the mock; with --http, clients have to send it as Bearer.",
)
@click.option(
    "--http",
    "listen",
    type=Address(),
    metavar="HOST:PORT",
    help="Serve over streamable HTTP at /mcp; port 0 takes a free one. Default: stdin and stdout.",
)
@click.option("--list", "list_tools", is_flag=True, help="List the tools.")
def mcp(
    url: str | None,
    port: int,
    world: str | None,
    token: str | None,
    listen: tuple[str, int] | None,
    list_tools: bool,
) -> None:
    """Serve the mock as tools of an agent, over the Model Context Protocol: create worlds and runs,
    move time, steer runs, inject faults, explain requests, show coverage.

    \b
    runs-mock mcp                                  for a client that starts it
    runs-mock mcp --url http://127.0.0.1:8080      with a mock that is running
    runs-mock mcp --http 127.0.0.1:8765            over HTTP

    Each session has a world of its own. docs/agents.md shows how to configure clients.
    """
    if list_tools:
        _list()
        return
    if url is not None and port:
        raise UsageError("--port: expected no --url with it, got both. Leave one out.")
    if world is not None and (host_of(world) != world or ":" in world):
        raise UsageError(f"--world: expected the name of a world such as demo, got {world!r}.")
    if listen is not None and token is None and not is_loopback(listen[0]):
        raise UsageError(
            f"--http {listen[0]}: expected a loopback address, or a token that clients send. Set "
            "RUNS_MOCK_CONTROL_TOKEN."
        )
    if listen is None and (sys.stdin is None or sys.stdout is None):
        raise UsageError("expected a client at stdin and stdout, got closed ones. Try --http.")
    access = Access(token)
    # The libraries take a second to load, and only this command needs them.
    from mock_server.mcp.server import build  # noqa: PLC0415
    from mock_server.mcp.transport import PATH, serve_http, serve_stdio  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        if url is None:
            url = stack.enter_context(serving(Settings(access=access), port=port))
        server = build(url, world, token)
        if listen is None:
            serve_stdio(server)
            return
        from mock_server.server import address, bind  # noqa: PLC0415

        listener = stack.enter_context(bind(*listen))
        line = f"MCP server of the mock at {url}: {address(listener)}{PATH}"
        serve_http(server, listener, token, lambda: click.echo(line))


def _list() -> None:
    from mock_server.mcp.server import TOOLS  # noqa: PLC0415

    width = max(len(each.name) for each in TOOLS)
    for each in TOOLS:
        echo(f"{each.name:<{width}}  {each.summary}")
