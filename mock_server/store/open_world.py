"""An open world for those that show it: whether this mock still owns it."""

from typing import Protocol

from mock_server.store.kept_world import KeptWorld
from mock_server.store.store import Store


class Confirmer(Protocol):
    """The keeper, as far as it is needed here."""

    store: Store

    async def confirm(self, kept: KeptWorld) -> None:
        """Be certain to own an open world, or close it. Raise HttpError (503)."""


class OpenWorld:
    """The ownership of one world, from when it was opened until it is closed."""

    __slots__ = ("_keeper", "_kept")

    def __init__(self, keeper: Confirmer, kept: KeptWorld) -> None:
        self._keeper = keeper
        self._kept = kept

    @property
    def certain(self) -> bool:
        """Whether no other mock can own the world."""
        return not self._kept.lost and self._keeper.store.is_certain(self._kept.name)

    async def confirm(self) -> None:
        """Be certain to own the world, now. Raise HttpError (503) otherwise."""
        await self._keeper.confirm(self._kept)
