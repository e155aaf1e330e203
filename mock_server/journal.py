"""The newest exchanges, so that somebody can ask afterwards why an answer came.

Bounded: the newest 1,000 of each tenant, and of those without one, for as many tenants as there may
be worlds; the one silent longest is forgotten first. Credentials never leave it.
"""

from collections import deque
from collections.abc import Iterator
from itertools import count

from starlette.types import Scope, Send

from mock_server.behaviour import Behaviour
from mock_server.exchange import Exchange

NEWEST = 1_000


class Journal:
    """The exchanges of one mock, by tenant; None stands for those whose tenant is not known."""

    def __init__(self, behaviour: Behaviour, most_tenants: int) -> None:
        self._most = most_tenants
        self._numbers = count(1)
        self._behaviour = behaviour
        self._kept: dict[str | None, deque[Exchange]] = {}

    def behave(self, behaviour: Behaviour) -> None:
        """From now on requests whose world is not known are answered as ``behaviour`` says."""
        self._behaviour = behaviour

    def begin(self, scope: Scope, send: Send) -> Exchange:
        """A new exchange, numbered."""
        return Exchange(next(self._numbers), scope, send, self._behaviour)

    def keep(self, exchange: Exchange) -> None:
        """The exchange is over; remember it."""
        exchange.end()
        kept = self._kept.get(exchange.tenant)
        if kept is None:
            if len(self._kept) >= self._most:
                del self._kept[min(self._kept, key=lambda name: self._kept[name][-1].number)]
            kept = self._kept[exchange.tenant] = deque(maxlen=NEWEST)
        kept.append(exchange)

    def of(self, tenant: str | None) -> Iterator[Exchange]:
        """The tenant's exchanges, newest first."""
        return reversed(self._kept.get(tenant, deque()))

    def forget(self, tenant: str | None) -> None:
        """Remember none of the tenant's exchanges."""
        self._kept.pop(tenant, None)
