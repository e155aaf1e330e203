"""Several mocks that share a store: each forwards the requests for worlds that another one owns.

The store says who the owner is. While there is none, because the last one was killed or is just
stopping, a request waits until its lease has ended, and this mock takes the world over.
"""

import asyncio
import math
import re
import socket
from collections.abc import Callable, Coroutine, Iterable
from functools import lru_cache, partial
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.app import Mock
from mock_server.cluster import advertised_url, merged_responses
from mock_server.cluster.addressing import Addressing
from mock_server.cluster.advertised_url import AdvertisedUrl
from mock_server.cluster.connection import ClusterConnection, Route
from mock_server.cluster.forwarded_field import ASSUMED, KNOWN, WHY
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.internal_api import SCHEME, InternalApi
from mock_server.cluster.merged_responses import FirstFound, Merge, Merged
from mock_server.cluster.ownership import CONNECT_SECONDS, Owner, Peer, UnknownOwnerError
from mock_server.cluster.presence import InCommon, MeetingPlace, Presence
from mock_server.cluster.remote_worlds import RemoteWorlds
from mock_server.cluster.routes import REQUEST
from mock_server.cluster.server import ClusterServer
from mock_server.engine.clock import monotonic
from mock_server.errors import HttpError, UsageError
from mock_server.http.middleware.control_access import CONTROL
from mock_server.http.middleware.faults import CONNECTION
from mock_server.journal.contract_index import Operation
from mock_server.store.failures import FailedStoreError, OtherOwnerError
from mock_server.store.keeper import Keeper
from mock_server.store.lease import LEASE
from mock_server.store.valkey_address import is_server, redacted

PATIENCE = LEASE + 3.0
"""Real seconds for which a request waits for an owner."""

_AGAIN = 0.1
"""Real seconds until it looks again."""

_SEEN_FOR = 1.0
"""Real seconds for which an owner is taken for the present one while it responds."""

_ASSUMED_FOR = LEASE
"""Real seconds for which reads go to an owner without asking the store: it says so if it has lost
the world. Changes do not, since one that gets no response is not repeated."""

_MAX_SEEN = 4_096

_UNSEEN: tuple[float, Owner] = (float("-inf"), None)

_DRAIN, _DRAIN_TICK = 1.0, 0.02
"""Real seconds for the last responses of a mock that stops."""

_MAX_FAILURES = 4
"""How often a store may fail that is asked for an owner: it may only be slow, for a second each.
Owners are certain for four."""

_LOST = "has lost it"

_LISTING = f"GET {CONTROL}/worlds"


class ReplicaRoutes:
    """Routes the requests of clients of ``mock``, whose worlds ``keeper`` keeps; ``others`` are the
    worlds of the other replicas."""

    assumes = True

    def __init__(
        self, mock: Mock, keeper: Keeper, forwarder: Forwarder, others: RemoteWorlds
    ) -> None:
        root_path = mock.worlds.settings.root_path
        self._addressing = Addressing(mock.credentials, mock.sessions, root_path)
        self._mock = mock
        self._worlds = mock.worlds
        self._keeper = keeper
        self._own = mock.worlds.settings.advertise or ""
        self.advertised = AdvertisedUrl(self._own, forwarder)
        self._seen: dict[str, tuple[float, Owner]] = {}  # When, and who.
        self._asked: dict[tuple[Peer, str], asyncio.Future[str | None]] = {}
        self._forwarder = forwarder
        forwarder.reroute, forwarder.misdirected = self.reroute, self.misdirected
        forwarder.watch = self.watch
        self._about_world = _pattern(mock.operations).fullmatch
        self._internal = InternalApi(mock.worlds, mock.explainer)
        self._found = FirstFound(mock, others.ask)
        self._listed: Callable[[Merge], ASGIApp] = lru_cache(partial(Merged, mock, others.ask))
        self._counted = Merged(mock, others.ask_all, merged_responses.counts)

    def route(self, scope: Any) -> "Route | asyncio.Future[Owner]":
        """Return the route of a request; None for this mock."""
        if (several := self._of_several(scope)) is not None:
            return several
        world = self._world_of(scope)
        if world is None:
            return None
        claim = self._keeper.claim_on(world)
        if claim is not None and claim.certain:
            return None
        if scope["method"] in ("GET", "HEAD"):
            when, owner = self._seen.get(world, _UNSEEN)
            if owner is not None and monotonic() < when + _ASSUMED_FOR:
                return owner
        return asyncio.ensure_future(self._owner_of(world))

    def reroute(self, scope: Any) -> "asyncio.Future[Owner] | None":
        """Return another route for a request whose owner cannot be reached."""
        return self._ask(scope, self._owner_later)

    def misdirected(self, scope: Any) -> "asyncio.Future[Owner] | None":
        """Return another route for a request that was sent to a mock that is not the owner."""
        return self._ask(scope, self._owner_of)

    def watch(self, scope: Any, peer: Peer) -> "asyncio.Future[str | None] | None":
        """Return why ``peer`` should be left: another mock owns the world of the request now."""
        world = self._world_of(scope)
        if world is None:
            return None
        asked = self._asked.get((peer, world))
        if asked is None:  # Of any number of streams, one asks.
            asked = asyncio.ensure_future(self._lost_by(peer, world))
            self._asked[peer, world] = asked
            asked.add_done_callback(lambda _: self._asked.pop((peer, world)))
        return asked

    def between_peers(self, scope: Any) -> ASGIApp | None:
        """Return what responds to a request of a peer; None for the mock."""
        if scope["scheme"] == SCHEME and scope["path"] == advertised_url.PATH:
            return self.advertised.identify
        if (internal := self._internal.find(scope)) is not None:
            return internal
        world, why = self._world_of(scope), scope["extensions"][WHY]
        claim = None if world is None else self._keeper.claim_on(world)
        if claim is not None and claim.certain:
            return None
        if why == ASSUMED:
            return self._forwarder.endings.misdirect
        if why == KNOWN and world is not None:
            return partial(self._respond_once_owned, world)
        return None

    async def _respond_once_owned(
        self, world: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Respond, as an application, when this mock owns that world, or say that another one does.

        A mock that was killed and started again has the URL of the owner, whose lease has to end.
        """
        try:
            owner = await self._owner_of(world)
        except UnknownOwnerError:
            owner = None  # The response of the mock says why.
        if scope["extensions"][CONNECTION].is_closing():
            return  # The client has left.
        app: ASGIApp = self._mock if owner is None else self._forwarder.endings.misdirect
        await app(scope, receive, send)

    def _ask(
        self, scope: Any, find: Callable[[str], Coroutine[None, None, Owner]]
    ) -> "asyncio.Future[Owner] | None":
        world = self._world_of(scope)
        if world is None:
            return None
        self._seen.pop(world, None)
        return asyncio.ensure_future(find(world))

    def _world_of(self, scope: Any) -> str | None:
        if self._about_world(self._line(scope)) is None:
            return None
        world = self._addressing.world_of(scope)
        return world if world is not None and self._worlds.allows(world) else None

    def _of_several(self, scope: Any) -> ASGIApp | None:
        """Return what responds to a request that is about all replicas; None for another one."""
        path = self._addressing.path_of(scope)
        if not path.startswith(CONTROL):
            return None
        if REQUEST.fullmatch(path):
            return self._found
        line = self._line(scope)
        if line == _LISTING:
            return self._listed(merged_responses.worlds)
        merge = merged_responses.of_journals(scope, line)
        if merge is None:
            return None
        return self._counted if merge is merged_responses.counts else self._listed(merge)

    def _line(self, scope: Any) -> str:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        return f"{method} {self._addressing.path_of(scope)}"

    async def _lost_by(self, peer: Peer, world: str) -> str | None:
        when, owner = self._seen.get(world, _UNSEEN)
        if monotonic() >= when + _SEEN_FOR:
            try:
                await self._worlds.open(world)
            except OtherOwnerError as error:
                owner = None if error.peer is None else Peer(error.peer, error.peer)
            except HttpError:
                return None  # Who owns it cannot be found out now.
            else:
                owner = None
            self._note(world, owner)
        return None if owner == peer else _LOST

    def _note(self, world: str, owner: Owner) -> None:
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        self._seen[world] = monotonic(), owner

    async def _owner_later(self, world: str) -> Owner:
        await asyncio.sleep(_AGAIN)
        return await self._owner_of(world)

    async def _owner_of(self, world: str) -> Owner:
        """Return the owner of that world, which is this mock if no other can be reached."""
        until = monotonic() + PATIENCE
        failures = 0
        while True:
            try:
                claim = self._keeper.claim_on(world)
                if claim is not None:
                    await claim.confirm()
                await self._worlds.open(world)
            except OtherOwnerError as error:
                peer, reason, left = error.peer, error.reason, error.left
            except HttpError as error:
                failures += 1
                if failures == _MAX_FAILURES or not isinstance(error, FailedStoreError):
                    return None  # The response of the mock says why.
                # The store may only have been slow, and then name another owner.
                peer, reason, left = None, error.reason, math.inf
            else:
                return None
            ends = monotonic() + left
            if peer is not None and peer != self._own:
                found = Peer(peer, peer)
                if self._forwarder.is_connected(found) or await _reachable(found, left):
                    self._note(world, found)
                    return found
                reason = f"{reason} It cannot be reached at {peer}: check its --advertise."
            if monotonic() > until:
                raise UnknownOwnerError(reason)
            # At the end of the lease at once, unless the owner has released the world before.
            await asyncio.sleep(max(0, min(_AGAIN, ends - monotonic())))


class ReplicaServer(ClusterServer):
    """Serves ``mock`` as one of several that share its store."""

    def __init__(
        self,
        mock: Mock,
        ready: Callable[[], None],
        *,
        in_common: InCommon,
        background: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """``in_common`` is what the mock was made with; the others are as in ``Server``."""
        keeper = mock.keeper
        assert keeper is not None
        forwarder = Forwarder(keeper.store.secret)
        forwarder.secret = lambda: keeper.store.secret
        others = mock.worlds.peers = RemoteWorlds(forwarder, complete=False)
        routes = ReplicaRoutes(mock, keeper, forwarder, others)
        own = mock.worlds.settings.advertise or ""
        self._presence = Presence(
            cast(MeetingPlace, keeper.store), keeper.failures, own, others, in_common
        )
        super().__init__(mock, ready, routes, forwarder, background=background)
        self._advertised = routes.advertised
        self._check: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._presence.start()
        await super().startup(sockets)
        if self.started:
            self._check = asyncio.create_task(self._advertised.check())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._check is not None:
            self._check.cancel()
        await self._presence.leave()
        await self._drain(sockets or [])
        await super().shutdown(sockets)

    async def _drain(self, sockets: Iterable[socket.socket]) -> None:
        """Accept no connection, and let those that are there have a last response each.

        A load balancer sends requests on connections that it has kept: one that is closed in that
        moment would fail, and a change is not repeated.
        """
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        for connection in list(self.server_state.connections):
            cast(ClusterConnection, connection).drain()
        until = monotonic() + _DRAIN
        while self.server_state.connections and monotonic() < until and not self.force_exit:
            await asyncio.sleep(_DRAIN_TICK)


def check(advertised: str, store: str, workers: int) -> str:
    """Return the URL without a slash at its end. Raise UsageError for one that cannot be used."""
    try:
        url = urlsplit(advertised)
        name = (url.hostname or "").encode("idna")  # As it is looked up.
        valid = url.scheme == "http" and bool(name) and url.port != 0
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


async def _reachable(peer: Peer, left: float) -> bool:
    """Return whether the peer accepts connections; False after the seconds that are ``left``."""
    try:
        async with asyncio.timeout(min(left, CONNECT_SECONDS)):
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
