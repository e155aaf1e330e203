"""The sessions of a server: each has a world of its own, which its tools use by default."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from mock_server.engine.randomness import new_token
from mock_server.errors import UsageError
from mock_server.mcp.control_client import ControlClient
from mock_server.mcp.toolbox import Arguments, Context

_MAX_SESSIONS = 1_000
_HEADER = "mcp-session-id"
_STDIO = ""

WorldName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
RunId = Annotated[
    str,
    Field(
        pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", description="Id of the run."
    ),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Maximum number of items.")]
Offset = Annotated[int, Field(ge=0, le=2**53 - 1, description="Number of items to skip.")]


class InWorld(Arguments):
    """Arguments of a tool that acts on a world."""

    world: WorldName | None = Field(
        None, description="A world, as create_world returned it; by default that of the session."
    )


class SessionWorlds:
    """The world of each session, the longest unused forgotten first; ``fixed`` is that of all."""

    def __init__(self, fixed: str | None) -> None:
        self._fixed = fixed
        self._worlds: OrderedDict[str, str] = OrderedDict()

    def of(self, session: str | None) -> str:
        """Return the world of a session. Raise UsageError before it has one."""
        if session is not None and session in self._worlds:
            self._worlds.move_to_end(session)
            return self._worlds[session]
        if self._fixed is not None:
            return self._fixed
        if session is None:
            raise UsageError(
                "world: expected a name, got none, and this connection has no sessions. Call "
                "create_world, and pass its `world` to each tool."
            )
        raise UsageError("world: expected a name, got none. Call create_world first.")

    def use(self, session: str | None, world: str) -> None:
        """Make ``world`` that of the session."""
        if session is None:
            return
        self._worlds[session] = world
        self._worlds.move_to_end(session)
        if len(self._worlds) > _MAX_SESSIONS:
            self._worlds.popitem(last=False)


@dataclass(frozen=True, slots=True)
class MockSession:
    """What a tool works with: the mock, and the worlds of the session ``key``."""

    client: ControlClient
    worlds: SessionWorlds
    key: str | None

    @classmethod
    def of(cls, client: ControlClient, worlds: SessionWorlds, context: Context) -> "MockSession":
        """Return the session of a request: over stdio the process is one; over HTTP the newest
        protocol has none."""
        if context.request is None:
            return cls(client, worlds, _STDIO)
        return cls(client, worlds, context.request.headers.get(_HEADER))

    def world(self, given: InWorld) -> str:
        """Return the world of a call. Raise UsageError without one."""
        return given.world or self.worlds.of(self.key)

    async def get(self, path: str, given: InWorld, **query: Any) -> Any:
        """Return the JSON of a GET response about the world of a call. Raise UsageError."""
        return await self.client.call("GET", path, None, {"world": self.world(given), **query})

    async def post(self, path: str, given: InWorld, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a POST response about the world of a call. Raise UsageError."""
        return await self.client.call("POST", path, body, {"world": self.world(given)})


def new_world_name() -> str:
    """Return the name of a world that nothing uses yet."""
    letters = "".join(each for each in new_token().lower() if each.isalnum())
    return f"test-agent-{letters[:10]}"
