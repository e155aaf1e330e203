"""What the worlds call while they are observed: mostly nothing is, and then a call costs a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mock_server.engine.run import Run
    from mock_server.worlds.world import World


class WorldObserver(Protocol):
    """Observes one world."""

    @property
    def live(self) -> bool:
        """Whether the world is to go on by itself, as with a subscriber."""

    def run_changed(self, run: Run) -> None:
        """Note an event of ``run``."""

    def clock_changed(self) -> None:
        """Note that the clock was frozen, resumed, rescaled or moved."""

    def woken(self) -> None:
        """Note that the world has caught up by itself."""

    def replaced(self, world: World) -> None:
        """Note that everything in the world may be different; ``world`` is the present one."""


class WorldsObserver(Protocol):
    """Observes which worlds are open."""

    def opened(self, world: World) -> None:
        """Note a world that is opened, maybe in place of another one."""

    def removed(self, name: str) -> None:
        """Note that the world of that name is gone."""

    def close(self) -> None:
        """End, because the mock stops."""
