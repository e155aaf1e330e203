"""A mock that forwards requests by a header field, and the one that responds to them."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from mock_server.app import Mock
from mock_server.cluster.connection import Route, Router
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.liveness import Liveness
from mock_server.cluster.ownership import Owner, Peer, UnknownOwnerError
from mock_server.cluster.server import ClusterServer
from mock_server.engine.clock import from_text
from mock_server.server import address, bind
from mock_server.settings import Settings

KEY = {"X-API-Key": "demo"}
SECRET = "secret-of-the-peers"


class Routes:
    """Routes requests by the name in ``X-Route``."""

    assumes = False

    def __init__(self, peers: dict[str, Peer]) -> None:
        self._peers = peers

    def route(self, scope: Any) -> Route | asyncio.Future[Owner]:
        wanted = dict(scope["headers"]).get(b"x-route", b"local").decode()
        if not wanted.startswith("later-"):
            return self._peers.get(wanted)
        future: asyncio.Future[Owner] = asyncio.get_running_loop().create_future()
        name = wanted.removeprefix("later-")
        if name == "unknown":
            future.set_exception(UnknownOwnerError("The owner is not known."))
        else:
            future.set_result(self._peers.get(name))
        return future

    def between_peers(self, _scope: Any) -> None:
        """The mock responds to everything."""


class Pair(NamedTuple):
    """A client of the owner itself, one of the process that forwards, the port of that, and the
    listener of a peer that the test plays."""

    owner: httpx2.Client
    entry: httpx2.Client
    port: int
    rude: socket.socket


@contextmanager
def served(listener: socket.socket, router: Router) -> Iterator[None]:
    """Serve a mock with a frozen clock on ``listener``, from a thread."""
    mock = Mock(Settings(now=from_text("2026-03-02T08:15:00Z"), scale=0))
    ready = threading.Event()
    forwarder = Forwarder(SECRET)
    Liveness(forwarder)
    server = ClusterServer(mock, ready.set, router, forwarder)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def pair_at(place: Path) -> Iterator[Pair]:
    """Serve the owner, and a process that forwards to it, with their sockets in ``place``."""
    path = str(place / "owner")
    owner, rude = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    for listener, name in ((owner, "owner"), (rude, "rude")):
        listener.bind(str(place / name))
        listener.listen(64)
    rude.settimeout(20)
    entry = bind("127.0.0.1", 0)
    peers = {
        "owner": Peer("the owner", path),
        "nowhere": Peer("nowhere", str(place / "nothing")),
        "closed": Peer("closed", "http://127.0.0.1:1"),
        "rude": Peer("rude", str(place / "rude")),
    }
    with ExitStack() as stack, rude:
        for listener in (owner, entry):
            stack.enter_context(served(listener, Routes(peers)))
        base = address(entry)
        direct = httpx2.HTTPTransport(uds=path)
        yield Pair(
            stack.enter_context(
                httpx2.Client(base_url=base, transport=direct, headers=KEY, timeout=30)
            ),
            stack.enter_context(
                httpx2.Client(base_url=base, headers=KEY | {"X-Route": "owner"}, timeout=30)
            ),
            entry.getsockname()[1],
            rude,
        )


@contextmanager
def raw(pair: Pair, *requests: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", pair.port), timeout=20) as connection:
        connection.sendall(b"".join(requests))
        yield connection


def request(
    path: str,
    method: str = "GET",
    version: str = "1.1",
    route: str = "owner",
    fields: tuple[str, ...] = ("Connection: close",),
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", "X-API-Key: demo"]
    return "\r\n".join([*lines, f"X-Route: {route}", *fields, "", ""]).encode()


def until_closed(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found
