"""Observe once for many checks: the life of a run, its stream, an idle stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from conformance.errors import DeadlineExceeded, Inconclusive, KitError, Outcome
from conformance.harness.run_recording import IdleStream

T = TypeVar("T")


class ObservationCache:
    """Keeps observations by name. One that failed is not tried again: it fails every check that
    builds on it. `count` returns how many exchanges there have been."""

    def __init__(self, count: Callable[[], int] = lambda: 0) -> None:
        self._count = count
        self._kept: dict[str, Any] = {}
        self._new: dict[str, Any] = {}
        self._exchanges: dict[str, range] = {}
        self._used: set[str] = set()

    def once(self, name: str, observe: Callable[[], T]) -> T:
        """Call `observe` once for this name; return its result, or raise its error, every time."""
        self._used.add(name)
        if name not in self._kept:
            before = self._count()
            try:
                self._kept[name] = self._new[name] = observe()
            except (Outcome, KitError) as fault:
                self._kept[name] = fault
            except DeadlineExceeded as fault:
                self._kept[name] = Inconclusive(str(fault))
            finally:
                self._exchanges[name] = range(before + 1, self._count() + 1)
        kept = self._kept[name]
        if isinstance(kept, BaseException):
            raise kept
        return cast("T", kept)

    def forget(self, name: str) -> None:
        """Observe again when the name is next asked for."""
        self._kept.pop(name, None)

    def news(self) -> dict[str, Any]:
        """Return the observations made since the last call, by name."""
        news, self._new = self._new, {}
        return news

    def used(self) -> set[int]:
        """Return the numbers of the exchanges that the observations are made of which were used
        since the last call."""
        used, self._used = self._used, set()
        return {number for name in used for number in self._exchanges.get(name, ())}

    def close(self) -> None:
        """Leave every stream that is still open."""
        for kept in self._kept.values():
            if isinstance(kept, IdleStream):
                kept.stream.close()
