"""The worlds of the other replicas, which come and go."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from mock_server.cluster.fetch import Reply, fetch_some
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.internal_api import RUNS
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import Followed, request
from mock_server.engine.run_state import Json
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal


class ReplicaWorlds:
    """The worlds of the replicas that are there, by ``met``.

    One that does not respond is left out: its worlds will be those of others. Requests are not
    among what is known, since each replica counts its own.
    """

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._others: dict[Peer, Followed] = {}
        self._changed: Callable[[], None] | None = None

    @property
    def peers(self) -> Sequence[Peer]:
        """The other replicas."""
        return tuple(self._others)

    def met(self, urls: Sequence[str]) -> None:
        """Note which other replicas are there."""
        present = {Peer(url, url) for url in urls}
        gone = [peer for peer in self._others if peer not in present]
        for peer in gone:
            self._others.pop(peer).stop()
        for peer in present:
            if peer not in self._others:
                followed = self._others[peer] = Followed(peer, self._forwarder)
                if self._changed is not None:
                    followed.start(self._changed, requests=False)
        if gone and self._changed is not None:
            self._changed()

    async def ask(self, scope: Any, body: bytes = b"") -> list[Reply]:
        """Return the responses of those that respond."""
        return await fetch_some(self.peers, self._forwarder, scope, body)

    # For the mock.

    def follow(self, changed: Callable[[], None], *, requests: bool) -> None:
        """Follow the replicas; call ``changed`` when their worlds differ."""
        self._changed = changed
        for one in self._others.values():
            one.start(changed, requests=False)

    def rest(self) -> None:
        """Follow nothing."""
        self._changed = None
        for one in self._others.values():
            one.stop()

    def worlds(self) -> list[Json]:
        """Return the worlds that are open there, while they are followed."""
        return [world for one in self._others.values() for world in one.worlds or ()]

    def journals(self, whose: str) -> list[Journal]:
        """Return no journal."""
        return []

    async def exchanges(self, whose: str) -> Sequence[Exchange]:
        """Return no request."""
        return []

    async def run_exists(self, run_id: str) -> bool:
        """Return whether a world of another replica has that run."""
        return any(orjson.loads(one.body) for one in await self.ask(request(f"{RUNS}{run_id}")))
