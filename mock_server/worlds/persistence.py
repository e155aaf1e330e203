"""What the registry of worlds calls where worlds outlive the process."""

from typing import Protocol

from mock_server.worlds.world import World


class Persistence(Protocol):
    """Keeps the worlds of a mock outside of its memory."""

    @property
    def problem(self) -> str | None:
        """Why the mock should get no requests; None while all is well."""

    async def load(self, name: str) -> World | None:
        """Return the stored world of that name; None for an unknown one.

        Raise HttpError (503) when it cannot be read.
        """

    async def save(self, world: World) -> None:
        """Store a world that is about to be opened, in place of the stored one of its name.

        Raise HttpError (503) when it cannot be stored; the former one is then unchanged.
        """

    async def has(self, name: str) -> bool:
        """Return whether a world of that name is stored. Raise HttpError (503)."""

    def busy(self, name: str) -> bool:
        """Return whether the world of that name is being changed, and cannot be closed now."""

    def used(self, name: str) -> None:
        """Note that the world of that name is in use."""

    def closed(self, world: World) -> None:
        """Note that ``world`` is removed from memory; it stays stored."""
