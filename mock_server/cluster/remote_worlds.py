"""The worlds of the other workers: what the feed and the verification of requests know of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from mock_server.cluster.fetch import (
    PATIENCE,
    SOON,
    Reply,
    fetch_all,
    fetch_some,
    follow,
)
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
    """The worlds of ``peers``, the other processes that are there: ``met`` replaces them.

    Where they need not be ``complete``, one that does not respond is left out of what is shown; but
    what a verdict depends on is complete.
    """

    def __init__(
        self, forwarder: Forwarder, peers: Sequence[Peer] = (), *, complete: bool = True
    ) -> None:
        self._forwarder = forwarder
        self._complete = complete
        self._others: dict[Peer, _Followed] = {}
        self._changed: Callable[[], None] | None = None
        self._requests = False
        self.met(peers)

    def met(self, peers: Sequence[Peer]) -> None:
        """Note which other processes are there."""
        before = set(self._others)
        gone = before.difference(peers)
        for peer in gone:
            self._others.pop(peer).stop()
        for peer in peers:
            if peer not in self._others:
                self._others[peer] = _Followed(peer, self._forwarder)
                self._start(self._others[peer])
        if before != set(self._others):
            self._worlds_differ()

    async def ask(self, scope: Any, body: bytes = b"") -> list[Reply]:
        """Send a request to the peers, and return their responses. Raise HttpError (503)."""
        fetch = fetch_all if self._complete else fetch_some
        return await fetch(list(self._others), self._forwarder, scope, body)

    async def ask_all(self, scope: Any, body: bytes = b"", patience: float = SOON) -> list[Reply]:
        """As ``ask``, and raise HttpError (503) for any peer without a response in so many
        seconds."""
        peers = list(self._others)
        if scope["method"] not in {"GET", "HEAD"}:  # Nothing is changed in another service.
            await fetch_all(peers, self._forwarder, request(f"{RUNS}0"), patience=patience)
        return await fetch_all(peers, self._forwarder, scope, body, patience)

    # For the mock.

    @property
    def ordered(self) -> bool:
        """Whether the numbers of requests grow from one peer to the other at any moment."""
        return self._complete or not self._others

    def follow(self, changed: Callable[[], None], *, requests: bool) -> None:
        """Follow the peers, with their ``requests`` if so; call ``changed`` when worlds differ."""
        if requests and not self._requests:
            self.rest()
            self._requests = True
        self._changed = changed
        for one in self._others.values():
            self._start(one)

    def rest(self) -> None:
        """Follow nothing."""
        self._changed, self._requests = None, False
        for one in self._others.values():
            one.stop()

    def worlds(self) -> list[Json]:
        """Return the worlds that are open there, while they are followed."""
        return [world for one in self._others.values() for world in one.worlds or ()]

    def journals(self, whose: str) -> list[Journal]:
        """Return the journals of requests that come while the peers are followed."""
        return [
            journal
            for one in self._others.values()
            for journal in (
                [one.unassigned] if whose == "none" else [one.unassigned, one.of_worlds]
            )
        ]

    async def exchanges(self, whose: str) -> Sequence[Exchange]:
        """Return the requests in the journals of the peers. Raise HttpError (503)."""
        # All of a peer's journals can take some seconds.
        replies = await self.ask_all(request(f"{EXCHANGES}{whose}"), patience=PATIENCE)
        return [RemoteExchange(one) for reply in replies for one in orjson.loads(reply.body)]

    async def run_exists(self, run_id: str) -> bool:
        """Return whether a world of a peer has that run. Raise HttpError (503)."""
        replies = await self.ask(request(f"{RUNS}{run_id}"))
        return any(orjson.loads(one.body) for one in replies)

    def _start(self, one: "_Followed") -> None:
        if self._changed is not None:
            one.start(self._worlds_differ, requests=self._requests)

    def _worlds_differ(self) -> None:
        known = all(one.worlds is not None for one in self._others.values())
        if self._changed is not None and (known or not self._complete):
            self._changed()


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


class _Followed:
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
            elif "cleared" in found:
                self.unassigned.clear()
                self.of_worlds.clear()
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
