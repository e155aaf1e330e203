"""The newest exchanges of one world, so that somebody can ask afterwards why an answer came.

Bounded: the newest 1,000. An exchange joins when its answer begins, so that open streams are seen;
a world has one journal for as long as it lives. What came without a credential that opens a world
is in a journal of its own.
"""

from collections import Counter, deque
from collections.abc import Callable

from mock_server.engine.behaviour import Behaviour
from mock_server.journal.coverage import Coverage, ResponseCounts
from mock_server.journal.exchange import Exchange

MAX_EXCHANGES = 1_000


class Journal(deque[Exchange]):
    """The exchanges of one world, and what of the contract they have covered."""

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_EXCHANGES)
        self.coverage = Coverage()

    def find(self, number: int) -> Exchange | None:
        """The exchange with that number, if it is remembered."""
        return next((one for one in self if one.number == number), None)

    def answers(self) -> ResponseCounts:
        """How often each operation gave which status, what is still open among them."""
        begun = Counter((one.operation, one.status) for one in self if one.ended is None)
        return begun + Counter(self.coverage.answers)


class UnassignedJournal(Journal):
    """The exchanges that no operation led to a world: an unknown path, no good credential.

    ``behaviour`` is what they are answered by; ``home`` says in whose journal one belongs all the
    same, None for nobody's.
    """

    def __init__(self, behaviour: Behaviour, home: Callable[[Exchange], Journal | None]) -> None:
        super().__init__()
        self.behaviour = behaviour
        self._home = home

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """From now on they are answered as ``behaviour`` says."""
        self.behaviour = behaviour

    def append(self, exchange: Exchange) -> None:
        home = self._home(exchange)
        if home is None:
            super().append(exchange)
        else:
            home.append(exchange)
            exchange.journal = home
