"""Errors of a store, as responses to requests and as lines of the log."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mock_server.errors import MAYBE_MADE, HttpError
from mock_server.store.store import (
    DamagedError,
    FullError,
    LostError,
    MaybeStoredError,
    Store,
    StoreError,
)

log = logging.getLogger("mock_server")


class OtherOwnerError(HttpError):
    """A response of 503: another mock owns the world; ``peer`` is its URL, if it advertises one,
    and ``left`` the seconds that are left to its lease, if they are known."""

    def __init__(self, reason: str, peer: str | None, left: float = math.inf) -> None:
        super().__init__(503, reason, {"Retry-After": "1"})
        self.peer = peer
        self.left = left


_UNCHANGED = "Nothing was changed; repeat the request when the store works again."


class FailedStoreError(HttpError):
    """A response of 503: the store has failed, and may work the next time."""

    def __init__(self, reason: str, *, repeatable: bool) -> None:
        super().__init__(503, reason, {"Retry-After": "1"} if repeatable else {})


class Failures:
    """The errors of ``store``; ``lose`` is called with the name of a world that another mock owns.

    An error is the ``problem`` until the store has done something that was asked of it later; but
    that it is full is none, since its worlds can be read, nor is damage, which is of one world.
    """

    def __init__(self, store: Store, lose: Callable[[str], None]) -> None:
        self.label = store.label
        self.problem: StoreError | None = None
        self._store = store
        self._done = 0  # When the problem was noted.
        self._full = False
        self._damage: set[str] = set()
        """The lines about damage that are in the log already."""
        self._lose = lose

    @contextmanager
    def as_responses(self, name: str) -> Iterator[None]:
        """Turn errors about the world of that name into responses."""
        try:
            yield
            self.look()
        except LostError as error:
            self._lose(name)
            raise OtherOwnerError(
                f"The world {name!r} is another mock's: {error}", error.peer, error.left
            ) from None
        except DamagedError as error:
            self._note_damage(f"the stored world {name!r} cannot be read: {error}")
            # Without Retry-After: it does not heal.
            reason = f"The stored world {name!r} cannot be read: {error.advice}"
            raise HttpError(503, reason) from None
        except StoreError as error:
            self.note(error)
            maybe = isinstance(error, MaybeStoredError)
            raise FailedStoreError(
                f"The store {self.label} fails: {error}. {MAYBE_MADE if maybe else _UNCHANGED}",
                repeatable=not maybe,
            ) from None

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Log an error instead of raising it."""
        try:
            yield
            self.look()
        except DamagedError as error:
            self._note_damage(str(error))
        except StoreError as error:
            self.note(error)

    def note(self, error: StoreError) -> None:
        """Log the first of several errors."""
        if isinstance(error, FullError):
            if not self._full:
                self._full = True
                log.warning("the store %s is full, and changes are refused: %s", self.label, error)
            return
        if self.problem is None:
            log.warning("the store %s fails: %s", self.label, error)
        self.problem = error
        self._done = self._store.done

    def _note_damage(self, line: str) -> None:
        """Log what is damaged, once."""
        if line not in self._damage:
            self._damage.add(line)
            log.warning("the store %s: %s", self.label, line)

    def appended(self) -> None:
        """Note that a change was stored."""
        if self._full:
            self._full = False
            log.warning("the store %s has room again", self.label)

    def look(self) -> None:
        """Forget the problem if the store has done something since."""
        if self.problem is not None and self._store.done > self._done:
            self.problem = None
            log.warning("the store %s works again", self.label)
