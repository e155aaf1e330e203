"""The newest exchanges of one world, to explain responses afterwards.

An exchange joins when its response starts, so open streams are included; a world has one journal
as long as it exists. Requests without a credential that opens a world have a journal of their own.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Protocol

from mock_server.engine.behaviour import Behaviour
from mock_server.journal.coverage import Coverage, ResponseCounts
from mock_server.journal.exchange import Exchange

MAX_EXCHANGES = 1_000
MAX_BYTES = 4 * 1_048_576
"""The bytes of requests that one journal keeps; beyond them the oldest exchanges are removed."""


class JournalObserver(Protocol):
    """What a journal calls while it is observed."""

    def added(self, exchange: Exchange) -> None:
        """Note an exchange whose response starts."""

    def cleared(self) -> None:
        """Note that the exchanges were removed."""


class Journal(deque[Exchange]):
    """The newest exchanges of one world, and the coverage of the contract by all of them.

    ``observers`` are called with each exchange; there are mostly none.
    """

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_EXCHANGES)
        self.coverage = Coverage()
        self.observers: tuple[JournalObserver, ...] = ()
        self.closed_with: int | None = None
        """How many exchanges it had when it was closed."""
        self._size = 0

    def append(self, exchange: Exchange) -> None:
        """Add an exchange; remove the oldest ones beyond the bounds."""
        if self.closed_with is not None:
            return
        if len(self) == MAX_EXCHANGES:
            self._size -= self[0].size  # The deque removes it.
        super().append(exchange)
        self._size += exchange.measure()
        while self._size > MAX_BYTES and len(self) > 1:
            self._size -= self.popleft().size
        if self.observers:
            for observer in self.observers:
                observer.added(exchange)

    def clear(self) -> None:
        """Remove all exchanges."""
        super().clear()
        self._size = 0
        for observer in self.observers:
            observer.cleared()

    def close(self) -> None:
        """Remove all exchanges and add no further one, because the world is closed."""
        self.observers = ()
        self.closed_with = len(self)
        self.clear()

    def find(self, number: int) -> Exchange | None:
        """Return the exchange with that number; None if it is not in the journal."""
        return next((one for one in self if one.number == number), None)

    def response_counts(self) -> ResponseCounts:
        """Count the responses by operation and status code, including those still being sent."""
        unfinished = Counter((one.operation, one.status) for one in self if one.ended is None)
        return unfinished + Counter(self.coverage.response_counts)


def any_lost(before: Iterable[Journal], now: Iterable[Journal]) -> bool:
    """Return whether a journal that is no longer there had exchanges."""
    there = set(map(id, now))
    return any(one.closed_with or len(one) for one in before if id(one) not in there)


class UnassignedJournal(Journal):
    """The exchanges of requests that reached no world: an unknown path or no valid credential.

    ``behaviour`` applies to their responses. ``find_journal`` returns the world's journal that an
    exchange belongs to all the same, None for no world's.
    """

    def __init__(
        self, behaviour: Behaviour, find_journal: Callable[[Exchange], Journal | None]
    ) -> None:
        super().__init__()
        self.behaviour = behaviour
        self._find_journal = find_journal

    def append(self, exchange: Exchange) -> None:
        journal = self._find_journal(exchange)
        if journal is None:
            super().append(exchange)
        else:
            journal.append(exchange)
            exchange.journal = journal
