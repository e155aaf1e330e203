"""The server of the mock's tools."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel.server import Server

from mock_server.mcp import request_tools, run_tools, toolbox, world_tools
from mock_server.mcp.control_client import ControlClient
from mock_server.mcp.session import MockSession, SessionWorlds

TOOLS = (*world_tools.TOOLS, *run_tools.TOOLS, *request_tools.TOOLS)
_INSTRUCTIONS = """\
A stateful mock of the Automation runs API, to develop and test its clients. Begin with create_world
and point the client at its baseUrl with its headers. Create runs of scenarios (look_up lists them),
move time, steer runs and inject faults; then see with list_requests, explain_request and
show_coverage what the client did. Time stands still until move_time, unless create_world is given
another clock. Lists are short: use limit and offset."""


def build(url: str, world: str | None, token: str | None) -> Server[Any]:
    """Return a server for the mock at ``url``, whose sessions use ``world`` until they create one.

    Raise UsageError for an invalid URL.
    """
    client = ControlClient(url, token)
    worlds = SessionWorlds(world)

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await client.close()

    return toolbox.server(
        "runs-mock",
        _INSTRUCTIONS,
        TOOLS,
        lambda context: MockSession.of(client, worlds, context),
        lifespan,
    )
