"""Whether the other workers still respond: one that is stopped keeps its connections."""

import asyncio
from typing import Any

from mock_server.cluster import fetch
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.internal_api import RUNS
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import request


class Liveness:
    """Asks a peer whether it responds, while requests that were forwarded to it take long.

    A request may take any time, such as one that waits for a run. What a peer is asked here takes
    none.
    """

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._asked: dict[Peer, asyncio.Future[str | None]] = {}
        forwarder.watch = self._watch

    def _watch(self, _scope: Any, peer: Peer) -> "asyncio.Future[str | None]":
        """Return why ``peer`` should be left; None while it responds."""
        asked = self._asked.get(peer)
        if asked is None or asked.done():
            asked = self._asked[peer] = asyncio.ensure_future(self._ask(peer))
        return asked

    async def _ask(self, peer: Peer) -> str | None:
        try:
            async with asyncio.timeout(fetch.PATIENCE):
                await fetch.fetch(peer, self._forwarder, request(f"{RUNS}0"), b"")
        except TimeoutError:
            return f"has not responded for {fetch.PATIENCE:g} s"
        except OSError:
            pass  # It is started again: its connections end by themselves.
        return None
