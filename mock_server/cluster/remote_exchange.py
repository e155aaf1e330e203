"""A request that another process of the mock has recorded."""

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.run_state import Json
from mock_server.journal.coverage import Coverage
from mock_server.journal.exchange import Exchange

_BEHAVIOUR = Behaviour()


class RemoteExchange(Exchange):
    """What ``dump`` has returned, for verification and as an entry of the live feed."""

    def __init__(self, found: Json) -> None:
        scope = {
            "method": found["method"],
            "path": found["path"],
            "query_string": found["query"].encode("latin-1"),
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in found["headers"]],
        }
        super().__init__(found["number"], scope, _nowhere, _BEHAVIOUR, _Nothing(), _Nothing())
        body = found["body"]
        self.body = None if body is None else body.encode("latin-1")
        self.operation, self.tenant = found["operation"], found["tenant"]
        self.status = found["status"]
        self.rendered = found.get("entry")

    def update(self, found: Json) -> None:
        """Take what is known later, and end if the exchange has ended."""
        self.rendered, self.status = found["entry"], found["status"]
        if found["ended"]:
            self.end()


def dump(exchange: Exchange) -> Json:
    """Return the exchange as JSON, with all that was sent."""
    body = exchange.body
    return {
        "number": exchange.number,
        "method": exchange.method,
        "path": exchange.path,
        "query": exchange.query.decode("latin-1"),
        "headers": [(n.decode("latin-1"), v.decode("latin-1")) for n, v in exchange.headers],
        "body": None if body is None else body.decode("latin-1"),
        "operation": exchange.operation,
        "tenant": exchange.tenant,
        "status": exchange.status,
    }


class _Nothing:
    """Neither a journal nor metrics: the process of the request has both."""

    coverage = Coverage()

    def append(self, exchange: Exchange) -> None:
        """Keep nothing."""

    def count(self, exchange: Exchange) -> None:
        """Count nothing."""


async def _nowhere(_message: object) -> None:
    """Send nothing."""
