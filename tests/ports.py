"""Ports for servers that are started with a number."""

from __future__ import annotations

import os
import socket
from itertools import count

# Systems hand out ports from 32,768 on by themselves: one of these is not taken by a connection or
# by a server on port 0 before it is used. Each process of the tests begins elsewhere.
_FIRST, _LENGTH = 20_000, 12_000
_numbers = count(os.getpid() * 61)


def free_port() -> int:
    """Return a port of 127.0.0.1 at which no server listens, another one each time."""
    while True:
        port = _FIRST + next(_numbers) % _LENGTH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
