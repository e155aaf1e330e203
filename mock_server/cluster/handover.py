"""Handing a connection over: its descriptor and the bytes that were read go to another process.

Both are in one datagram, so they arrive together or not at all. The sockets of all workers are
opened before the first worker starts: what arrives while one is started again waits for it.
"""

import asyncio
import os
import socket
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mock_server.cluster.connection import ClusterConnection
from mock_server.cluster.ownership import Peer

MAX_BYTES = 65_536
"""Bytes that are handed over with a connection; with more, its request is forwarded."""

INBOX = ".inbox"
"""What follows the address of a worker in that of the socket that takes its connections."""


def open_inbox(peer: Peer) -> socket.socket:
    """Return the socket that takes the connections that are handed over to ``peer``."""
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        inbox.bind(peer.address + INBOX)
    except OSError:
        inbox.close()
        raise
    inbox.setblocking(False)
    return inbox


class Handover:
    """Gives connections to other workers, and takes those from them."""

    def __init__(self) -> None:
        self._outbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._outbox.setblocking(False)
        self._tasks: set[asyncio.Task[Any]] = set()

    def give(self, connection: ClusterConnection, peer: Peer, received: bytes) -> bool:
        """Hand ``connection`` over with the bytes that were read; return whether that was possible.

        Where it was not, the connection is as before.
        """
        handle = connection.transport.get_extra_info("socket")
        if handle is None or len(received) > MAX_BYTES:
            return False
        try:
            # Not socket.send_fds, which takes no address before Python 3.12.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [handle.fileno()]))
            self._outbox.sendmsg([received], [rights], 0, peer.address + INBOX)
        except OSError:  # Too many wait, or the system sends no datagram of that size.
            return False
        connection.give_away()
        return True

    def take_from(
        self, inbox: socket.socket, protocol: Callable[[bytes], asyncio.Protocol]
    ) -> None:
        """Serve the connections that come; ``protocol`` makes that of one with those bytes."""
        loop = asyncio.get_running_loop()
        loop.add_reader(inbox.fileno(), self._take, inbox, protocol)

    def _take(self, inbox: socket.socket, protocol: Callable[[bytes], asyncio.Protocol]) -> None:
        while True:
            try:
                received, descriptors, _, _ = socket.recv_fds(inbox, MAX_BYTES, 1)
            except OSError:  # All are taken.
                return
            for each in descriptors:
                self._serve(each, received, protocol)

    def _serve(
        self, descriptor: int, received: bytes, protocol: Callable[[bytes], asyncio.Protocol]
    ) -> None:
        try:
            connection = socket.socket(fileno=descriptor)
        except OSError:  # The client has left.
            with suppress(OSError):
                os.close(descriptor)
            return
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        task = loop.create_task(
            loop.connect_accepted_socket(lambda: protocol(received), connection)
        )
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Retrieved: the client may have left in this moment.

    def close(self, inbox: socket.socket) -> None:
        """Take no more."""
        asyncio.get_running_loop().remove_reader(inbox.fileno())
        self._outbox.close()
