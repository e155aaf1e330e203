"""Who owns which world: one process of several, its peers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

CONNECT_SECONDS = 2.0
"""Real seconds after which a peer that does not accept a connection is unreachable."""

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another process of the same mock.

    ``address`` is the path of a Unix socket, or ``http://HOST:PORT``; ``name`` is for messages.
    """

    name: str
    address: str

    async def connect(self, protocol: Callable[[], P]) -> P:
        """Connect a new protocol with the peer. Raise OSError (TimeoutError is one)."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.address.startswith("/"):
                _, made = await loop.create_unix_connection(protocol, self.address)
            else:
                try:
                    url = urlsplit(self.address)
                    host, port = url.hostname or "", url.port or 80
                    _, made = await loop.create_connection(protocol, host, port)
                except ValueError as error:  # A name or a port that no server can have.
                    raise OSError(str(error)) from error
        return made


Owner = Peer | None
"""The owner of a world; None for this process."""


class Ownership(Protocol):
    """Knows the owner of each world."""

    def owner_of(self, world: str) -> Owner | asyncio.Future[Owner]:
        """Return the owner of the world of that name; a future where it has to be found out.

        The future may raise ``UnknownOwnerError``.
        """


class UnknownOwnerError(Exception):
    """The owner cannot be found out now; the text is the reason."""


@lru_cache(maxsize=16_384)
def rendezvous(world: str, members: Sequence[str]) -> int:
    """Return the index of the member that owns the world of that name.

    Another member changes the owner only of the worlds that it gets or loses.
    """
    scores = [blake2b(f"{one}\0{world}".encode(), digest_size=8).digest() for one in members]
    return scores.index(max(scores))
