"""Errors of a store, as responses to requests and as lines of the log."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mock_server.errors import HttpError
from mock_server.store.store import DamagedError, LostError, StoreError

log = logging.getLogger("mock_server")


class OtherOwnerError(HttpError):
    """A response of 503: another mock owns the world; ``peer`` is its URL, if it advertises one,
    and ``left`` the seconds that are left to its lease, if they are known."""

    def __init__(self, reason: str, peer: str | None, left: float = math.inf) -> None:
        super().__init__(503, reason, {"Retry-After": "1"})
        self.peer = peer
        self.left = left


class Failures:
    """The errors of the store called ``label``; ``lose`` is called with the name of a world that
    another mock owns."""

    def __init__(self, label: str, lose: Callable[[str], None]) -> None:
        self.label = label
        self.problem: StoreError | None = None
        self._lose = lose

    @contextmanager
    def as_responses(self, name: str) -> Iterator[None]:
        """Turn errors about the world of that name into responses."""
        try:
            yield
        except LostError as error:
            self._lose(name)
            raise OtherOwnerError(
                f"The world {name!r} is another mock's: {error}", error.peer, error.left
            ) from None
        except DamagedError as error:
            raise _unavailable(
                f"The stored world {name!r} cannot be read: {error}. {error.remedy}."
            ) from None
        except StoreError as error:
            self.note(error)
            raise _unavailable(
                f"The store {self.label} fails: {error}. Nothing was changed; repeat the "
                "request when the store works again."
            ) from None

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Log an error instead of raising it."""
        try:
            yield
        except DamagedError as error:  # Of one world: the store works.
            log.warning("the store %s: %s", self.label, error)
        except StoreError as error:
            self.note(error)
        else:
            if self.problem is not None:
                self.problem = None
                log.warning("the store %s works again", self.label)

    def note(self, error: StoreError) -> None:
        """Log the first of several errors."""
        if self.problem is None:
            log.warning("the store %s fails: %s", self.label, error)
        self.problem = error


def _unavailable(reason: str) -> HttpError:
    return HttpError(503, reason, {"Retry-After": "1"})
