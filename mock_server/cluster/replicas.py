"""Several mocks that share a store: each forwards the requests for worlds that another one owns.

The store says who the owner is. While there is none, because the last one was killed or is just
stopping, a request waits until its lease has ended, and this mock takes the world over.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from urllib.parse import urlsplit

from mock_server.app import Mock
from mock_server.cluster.addressing import Addressing
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import Owner, Peer, UnknownOwnerError
from mock_server.cluster.server import ClusterServer
from mock_server.engine.clock import monotonic
from mock_server.errors import HttpError, UsageError
from mock_server.journal.contract_index import Operation
from mock_server.store.failures import OtherOwnerError
from mock_server.store.keeper import Keeper
from mock_server.store.lease import LEASE
from mock_server.store.valkey_address import is_server, redacted

PATIENCE = LEASE + 3.0
"""Real seconds for which a request waits for an owner."""

_AGAIN = 0.1
"""Real seconds until it looks again."""

_SEEN_FOR = 1.0
"""Real seconds for which an owner is taken for the present one while it responds."""

_MAX_SEEN = 4_096


class ReplicaRoutes:
    """Routes the requests of clients of ``mock``, whose worlds ``keeper`` keeps."""

    def __init__(self, mock: Mock, keeper: Keeper) -> None:
        root_path = mock.worlds.settings.root_path
        self._addressing = Addressing(mock.credentials, mock.sessions, root_path)
        self._worlds = mock.worlds
        self._keeper = keeper
        self._own = mock.worlds.settings.advertise
        self._seen: dict[str, tuple[float, Owner]] = {}
        self._about_world = _pattern(mock.operations).fullmatch

    def route(self, scope: Any) -> "asyncio.Future[Owner] | None":
        """Return the route of a request; None for this mock."""
        world = self._world_of(scope)
        if world is None:
            return None
        claim = self._keeper.claim_on(world)
        if claim is not None and claim.certain:
            return None
        return asyncio.ensure_future(self._owner_of(world))

    def reroute(self, scope: Any) -> "asyncio.Future[Owner] | None":
        """Return another route for a request whose owner cannot be reached."""
        world = self._world_of(scope)
        return None if world is None else asyncio.ensure_future(self._owner_later(world))

    def watch(self, scope: Any) -> "asyncio.Future[Owner] | None":
        """Return the owner of the world of a request as it is now."""
        world = self._world_of(scope)
        return None if world is None else asyncio.ensure_future(self._present_owner(world))

    def between_peers(self, scope: Any) -> None:
        """Leave every request of a peer to the mock."""

    def _world_of(self, scope: Any) -> str | None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if self._about_world(f"{method} {self._addressing.path_of(scope)}") is None:
            return None
        world = self._addressing.world_of(scope)
        return world if world is not None and self._worlds.allows(world) else None

    async def _present_owner(self, world: str) -> Owner:
        now = monotonic()
        known = self._seen.get(world)
        if known is not None and now < known[0]:
            return known[1]
        try:
            await self._worlds.open(world)
        except OtherOwnerError as error:
            owner = None if error.peer is None else Peer(error.peer, error.peer)
        except HttpError as error:
            raise UnknownOwnerError(error.reason) from None
        else:
            owner = None
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        self._seen[world] = now + _SEEN_FOR, owner
        return owner

    async def _owner_later(self, world: str) -> Owner:
        await asyncio.sleep(_AGAIN)
        return await self._owner_of(world)

    async def _owner_of(self, world: str) -> Owner:
        """Return the owner of that world, which is this mock if no other can be reached."""
        until = monotonic() + PATIENCE
        while True:
            try:
                claim = self._keeper.claim_on(world)
                if claim is not None:
                    await claim.confirm()
                await self._worlds.open(world)
            except OtherOwnerError as error:
                peer, reason = error.peer, error.reason
            except HttpError:
                return None  # The response of the mock says why.
            else:
                return None
            if peer is not None and peer != self._own:
                found = Peer(peer, peer)
                if await _reachable(found):
                    return found
            if monotonic() > until:
                raise UnknownOwnerError(reason)
            await asyncio.sleep(_AGAIN)


class ReplicaServer(ClusterServer):
    """Serves ``mock`` as one of several that share its store."""

    def __init__(
        self,
        mock: Mock,
        ready: Callable[[], None],
        *,
        background: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """``ready`` and ``background`` are as in ``Server``."""
        keeper = mock.keeper
        assert keeper is not None
        routes = ReplicaRoutes(mock, keeper)
        forwarder = Forwarder(keeper.store.secret)
        forwarder.secret = lambda: keeper.store.secret
        forwarder.reroute, forwarder.watch = routes.reroute, routes.watch
        super().__init__(mock, ready, routes, forwarder, background=background)


def check(advertised: str, store: str, workers: int) -> str:
    """Return the URL without a slash at its end. Raise UsageError for one that cannot be used."""
    try:
        url = urlsplit(advertised)
        valid = url.scheme == "http" and bool(url.hostname) and url.port != 0
    except ValueError:
        valid = False
    if not valid or url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
        raise UsageError(
            f"--advertise: expected a URL such as http://mock-1:8080, got {advertised!r}. Name the "
            "host and the port at which other mocks reach this one"
        )
    if not is_server(store):
        raise UsageError(
            "--advertise: expected a store that several mocks can use, got "
            f"{redacted(store)}. Name one with --store valkey://HOST:PORT"
        )
    if workers != 1:
        raise UsageError(
            "--advertise and --workers contradict each other: start another mock instead of workers"
        )
    return f"http://{url.netloc}"


async def _reachable(peer: Peer) -> bool:
    """Return whether the peer accepts connections."""
    try:
        connected = await peer.connect(_Knock)
    except OSError:
        return False
    connected.end()
    return True


class _Knock(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.end = transport.close


def _pattern(operations: Iterable[Operation]) -> re.Pattern[str]:
    """Return a pattern for the method and the path of the operations."""
    lines = [
        re.escape(one.method) + " " + re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one.path))
        for one in operations
    ]
    return re.compile("|".join(lines))
