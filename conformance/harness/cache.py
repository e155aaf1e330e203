"""Observe once for many checks: the life of a run, its stream, an idle stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from conformance.errors import DeadlineExceeded, Inconclusive, KitError, Outcome
from conformance.harness.recordings import IdleStream

T = TypeVar("T")


class ObservationCache:
    """Keeps observations by name. One that failed is not tried again: it fails every check that
    builds on it."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self._new: dict[str, Any] = {}

    def once(self, name: str, observe: Callable[[], T]) -> T:
        """Call `observe` once for this name; return its result, or raise its error, every time."""
        if name not in self._kept:
            try:
                self._kept[name] = self._new[name] = observe()
            except (Outcome, KitError) as fault:
                self._kept[name] = fault
            except DeadlineExceeded as fault:
                self._kept[name] = Inconclusive(str(fault))
        kept = self._kept[name]
        if isinstance(kept, BaseException):
            raise kept
        return cast("T", kept)

    def news(self) -> dict[str, Any]:
        """Return the observations made since the last call, by name."""
        news, self._new = self._new, {}
        return news

    def close(self) -> None:
        """Leave every stream that is still open."""
        for kept in self._kept.values():
            if isinstance(kept, IdleStream):
                kept.stream.close()
