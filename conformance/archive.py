"""What is observed once for many checks: the life of a run, its stream, a stream that is quiet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from conformance.errors import Outcome, SetupError
from conformance.story import Broadcast, Moment, Quiet
from conformance.vocabulary import State


class Archive:
    """Keeps observations. One that failed is not tried again: it fails every check that builds on
    it."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def life(self, state: State, watch: Callable[[State], list[Moment]]) -> list[Moment]:
        """The life of a run of this state."""
        return cast("list[Moment]", self._once(f"life of {state}", lambda: watch(state)))

    def broadcast(self, listen: Callable[[], Broadcast]) -> Broadcast:
        """The stream of a run that succeeds."""
        return cast("Broadcast", self._once("broadcast", listen))

    def quiet(self, hush: Callable[[], Quiet]) -> Quiet:
        """The stream of a run that does nothing."""
        return cast("Quiet", self._once("quiet", hush))

    def close(self) -> None:
        """Leave every stream that is still open."""
        if isinstance(quiet := self._kept.get("quiet"), Quiet):
            quiet.stream.close()

    def _once(self, name: str, observe: Callable[[], object]) -> object:
        if name not in self._kept:
            try:
                self._kept[name] = observe()
            except (Outcome, SetupError) as fault:
                self._kept[name] = fault
        if isinstance(kept := self._kept[name], BaseException):
            raise kept
        return kept
