"""Serving one of several processes."""

import socket
from collections.abc import Callable, Coroutine
from functools import partial

from mock_server.app import Mock
from mock_server.cluster.connection import ClusterConnection, HandOver, Router
from mock_server.cluster.forwarding import Forwarder
from mock_server.server import Server


class ClusterServer(Server):
    """Serves ``mock``; requests that ``router`` routes to a peer go there by ``forwarder``."""

    def __init__(
        self,
        mock: Mock,
        ready: Callable[[], None],
        router: Router,
        forwarder: Forwarder,
        *,
        hand_over: HandOver | None = None,
        background: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """``ready`` and ``background`` are as in ``Server``."""
        self.forwarder = forwarder
        connection = partial(
            ClusterConnection, router=router, forwarder=forwarder, hand_over=hand_over
        )
        super().__init__(mock, ready, background=background, connection=connection)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.forwarder.close()
