"""The worlds of the other workers: what the feed and the verification of requests know of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from mock_server.cluster.fetch import Reply, fetch_all, follow
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.internal_api import CHANGES, EXCHANGES, RUNS, SCHEME, WITH_REQUESTS
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_exchange import RemoteExchange
from mock_server.engine.run_state import Json
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal

_RETRY_AFTER = 0.2
"""Real seconds until a peer is followed again whose connection has ended."""


class RemoteWorlds:
    """The worlds of ``peers``."""

    def __init__(self, peers: Sequence[Peer], forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._others = [Followed(peer, forwarder) for peer in peers]
        self._requests = False

    def follow(self, changed: Callable[[], None], *, requests: bool) -> None:
        """Follow the peers, with their ``requests`` if so; call ``changed`` when worlds differ."""

        def known() -> None:
            if all(one.worlds is not None for one in self._others):
                changed()

        if requests and not self._requests:
            self.rest()
            self._requests = True
        for one in self._others:
            one.start(known, requests=self._requests)

    def rest(self) -> None:
        """Follow nothing."""
        self._requests = False
        for one in self._others:
            one.stop()

    def worlds(self) -> list[Json]:
        """Return the worlds that are open there, while they are followed."""
        return [world for one in self._others for world in one.worlds or ()]

    def journals(self, whose: str) -> list[Journal]:
        """Return the journals of requests that come while the peers are followed."""
        return [
            journal
            for one in self._others
            for journal in (
                [one.unassigned] if whose == "none" else [one.unassigned, one.of_worlds]
            )
        ]

    async def exchanges(self, whose: str) -> Sequence[Exchange]:
        """Return the requests in the journals of the peers. Raise HttpError (503)."""
        replies = await self._ask(f"{EXCHANGES}{whose}")
        return [RemoteExchange(one) for reply in replies for one in orjson.loads(reply.body)]

    async def run_exists(self, run_id: str) -> bool:
        """Return whether a world of a peer has that run. Raise HttpError (503)."""
        return any(orjson.loads(one.body) for one in await self._ask(f"{RUNS}{run_id}"))

    async def _ask(self, path: str) -> list[Reply]:
        peers = [one.peer for one in self._others]
        return await fetch_all(peers, self._forwarder, request(path))


def request(path: str, query: bytes = b"") -> dict[str, Any]:
    """Return the scope of a request to a peer."""
    return {
        "method": "GET",
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "client": None,
        "server": None,
        "scheme": SCHEME,
    }


class Followed:
    """One peer: its open worlds, and its newest requests."""

    def __init__(self, peer: Peer, forwarder: Forwarder) -> None:
        self.peer = peer
        self.worlds: list[Json] | None = None
        self.unassigned, self.of_worlds = Journal(), Journal()
        self._forwarder = forwarder
        self._task: asyncio.Task[None] | None = None

    def start(self, changed: Callable[[], None], *, requests: bool) -> None:
        """Follow the peer, unless it is followed."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(changed, requests=requests))

    def stop(self) -> None:
        """Follow it no longer."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.worlds = None
        self.unassigned.clear()
        self.of_worlds.clear()

    async def _run(self, changed: Callable[[], None], *, requests: bool) -> None:
        def received(line: bytes) -> None:
            found = orjson.loads(line)
            if "worlds" in found:
                self.worlds = found["worlds"]
                changed()
            else:
                self._take(found)

        scope = request(CHANGES, WITH_REQUESTS if requests else b"")
        while True:
            try:
                await follow(self.peer, self._forwarder, scope, received)
            except OSError:
                if self.worlds:
                    self.worlds = []
                    changed()
                await asyncio.sleep(_RETRY_AFTER)

    def _take(self, found: Json) -> None:
        journal = self.unassigned if found["tenant"] is None else self.of_worlds
        known = journal.find(found["number"])
        if known is None:
            known = RemoteExchange(found)
            journal.append(known)
        if isinstance(known, RemoteExchange):
            known.update(found)
