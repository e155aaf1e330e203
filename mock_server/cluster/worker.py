"""One worker: a process that serves the worlds it owns, and forwards the other requests."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

from mock_server.app import Mock
from mock_server.cluster.addressing import Addressing
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.handover import Handover, open_inbox
from mock_server.cluster.heartbeats import Heartbeats
from mock_server.cluster.internal_api import InternalApi
from mock_server.cluster.liveness import Liveness
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import RemoteWorlds
from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.cluster.routes import WorkerRoutes
from mock_server.cluster.server import ClusterServer

_BACKLOG = 1_024


class Seat(NamedTuple):
    """The sockets of one worker, which stay open while it is started again."""

    peer: Peer
    listener: socket.socket
    inbox: socket.socket


def open_seat(peer: Peer) -> Seat:
    """Open the sockets of a worker at its address. Raise OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(peer.address)
        listener.listen(_BACKLOG)
        return Seat(peer, listener, open_inbox(peer))
    except OSError:
        listener.close()
        raise


class WorkerServer(ClusterServer):
    """Serves clients and the other workers, until SIGTERM or the end of the supervisor."""

    def __init__(
        self,
        mock: Mock,
        ready: Callable[[], None],
        routes: WorkerRoutes,
        forwarder: Forwarder,
        seat: Seat,
        alive: int,
        beat: Callable[[], None],
        background: Callable[[], Coroutine[None, None, None]] | None,
    ) -> None:
        """``alive`` is a descriptor that has an end when the supervisor has ended; ``beat`` is
        called now and then, as long as the event loop works."""
        self._handover = Handover()
        super().__init__(
            mock,
            ready,
            routes,
            forwarder,
            hand_over=self._handover.give,
            background=background,
        )
        self._seat = seat
        self._alive = alive
        self._beat = beat

    async def on_tick(self, counter: int) -> bool:
        self._beat()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._alive, self._orphaned)
        self._handover.take_from(self._seat.inbox, self._protocol)
        await super().startup([*(sockets or []), self._seat.listener])

    def _protocol(self, received: bytes) -> Any:
        make: Any = self.config.http_protocol_class
        return make(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            received=received,
        )

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._alive)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._handover.close(self._seat.inbox)
        await super().shutdown([*(sockets or []), self._seat.listener])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches all processes of a terminal; the supervisor then ends the workers.
        if sig == signal.SIGTERM:
            self.should_exit = True


class Start(NamedTuple):
    """What every worker is started with; it is the same in all, made before the first of them."""

    mock: Mock
    numbers: SharedNumbers
    heartbeats: Heartbeats
    seats: Sequence[Seat]
    secret: str
    listeners: Sequence[socket.socket]
    background: Callable[[], Coroutine[None, None, None]] | None
    ready: Callable[[], None]
    """Called when a worker serves, in its process."""


def run(start: Start, index: int, ready: int, alive: int) -> None:
    """Serve as the worker with that index; write a byte to ``ready`` as soon as that works."""
    mock = start.mock
    start.numbers.index = index
    forwarder = Forwarder(start.secret)
    Liveness(forwarder)
    addressing = Addressing(mock.credentials, mock.sessions, mock.worlds.settings.root_path)
    peers = [seat.peer for seat in start.seats]
    internal = InternalApi(mock.worlds, mock.explainer)
    routes = WorkerRoutes(peers, start.numbers, addressing, mock, forwarder, internal)
    others = [peer for position, peer in enumerate(peers) if position != index]
    mock.worlds.peers = RemoteWorlds(forwarder, others)
    mock.worlds.owns = routes.owns
    mock.worlds.keep_own()

    def serving() -> None:
        start.ready()
        with suppress(BrokenPipeError):  # Of a worker that was started again.
            os.write(ready, b"1")
        os.close(ready)

    server = WorkerServer(
        mock,
        serving,
        routes,
        forwarder,
        start.seats[index],
        alive,
        partial(start.heartbeats.beat, index),
        start.background,
    )
    server.run(sockets=list(start.listeners))
