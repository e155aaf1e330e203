"""The worlds of the other processes of the mock, where there are several."""

from collections.abc import Callable, Sequence
from typing import Protocol

from mock_server.engine.run_state import Json
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal


class PeerWorlds(Protocol):
    """What this process can know of the others."""

    @property
    def ordered(self) -> bool:
        """Whether the numbers of requests grow from one process to the other."""

    def follow(self, changed: Callable[[], None], *, requests: bool) -> None:
        """Follow the worlds of the others, with their ``requests`` if so; call ``changed`` when
        ``worlds`` differ."""

    def rest(self) -> None:
        """Follow nothing."""

    def worlds(self) -> list[Json]:
        """Return the worlds that are open there, as in the control API, while they are followed."""

    def journals(self, whose: str) -> list[Journal]:
        """Return the journals of the requests that come while they are followed: ``all``, or
        ``none`` for those without a world."""

    async def exchanges(self, whose: str) -> Sequence[Exchange]:
        """Return the requests in the journals of the others. Raise HttpError (503)."""

    async def run_exists(self, run_id: str) -> bool:
        """Return whether a world of another process has that run. Raise HttpError (503)."""
