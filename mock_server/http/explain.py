"""Why an answer came: what the journal knows of a request, told in the contract's terms.

An entry names the operation that was matched, whose credential it was (never its text), the open
question that the answer hangs on with the answer in force, the faults that were played, and where
in ``openapi.yaml`` the answer is declared; for a request that matched nothing, what it may have
meant.
"""

from mock_server.engine.behaviour import Behaviour, questions
from mock_server.engine.clock import SECOND, to_text
from mock_server.engine.run_state import Json
from mock_server.http.credentials import Credentials
from mock_server.journal.contract_index import ContractIndex
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal, UnassignedJournal
from mock_server.journal.metrics import Metrics
from mock_server.journal.near_miss import KnownPaths
from mock_server.journal.redaction import Redaction


class Explainer:
    """What explains the answers of one mock. ``unassigned`` holds the requests that no world has."""

    def __init__(
        self,
        contract: ContractIndex,
        control: ContractIndex,
        credentials: Credentials,
        behaviour: Behaviour,
    ) -> None:
        self.contract = contract
        self.metrics = Metrics()
        self.unassigned = UnassignedJournal(behaviour, self._home)
        self.paths = KnownPaths([*contract.operations.values(), *control.operations.values()])
        self._questions = questions()
        self._credentials = credentials

    def entry(self, exchange: Exchange) -> Json:
        """The exchange as JSON, explained, without any credential in it."""
        tenant = exchange.tenant
        hides = Redaction(exchange.headers, exchange.query, tenant)
        took = None if exchange.ended is None else exchange.ended - exchange.began
        return {
            "number": exchange.number,
            "method": exchange.method,
            "path": hides.text(exchange.path),
            "query": hides.query(),
            "headers": hides.headers(),
            "operation": exchange.operation,
            "tenant": tenant,
            "credential": self._scheme(exchange),
            "at": None if exchange.at is None else to_text(exchange.at),
            "status": exchange.status,
            "reason": hides.all(exchange.reason),
            "flaws": hides.all(
                [{"loc": f.loc, "msg": f.msg, "type": f.type} for f in exchange.flaws]
            ),
            "question": self._question(exchange),
            "faults": exchange.faults,
            "contract": self._location(exchange),
            "stream": self._stream(exchange),
            "durationMs": None if took is None else round(took * SECOND, 3),
            "bytesSent": exchange.sent,
            "nearMisses": hides.all(self._near(exchange)),
        }

    def _scheme(self, exchange: Exchange) -> str | None:
        """The security scheme of the credential that counted, or of the first that was no good."""
        if exchange.credential is not None:
            return exchange.credential
        presented = self._credentials.present(exchange.headers)
        return presented[0][0] if presented else None

    def _question(self, exchange: Exchange) -> Json | None:
        number = exchange.question
        if number is None:
            return None
        question = self._questions[number]
        answer = exchange.behaviour.answers()[number]
        return {
            "number": number,
            "question": question.question,
            "answer": answer,
            "meaning": question.answers[answer],
        }

    def _location(self, exchange: Exchange) -> Json:
        """The answer's place in the contract, or why it has none."""
        if exchange.status is None:
            return {"location": None, "because": "broken off before the answer began"}
        operation = self.contract.operations.get(exchange.operation or "")
        if operation is None:
            return {"location": None, "because": "no operation"}
        location = operation.responses.get(str(exchange.status))
        because = "declared" if location is not None else "undeclared status"
        return {"location": location, "because": because}

    def _stream(self, exchange: Exchange) -> str | None:
        operation = self.contract.operations.get(exchange.operation or "")
        if operation is None or str(exchange.status) not in operation.event_streams:
            return None
        return "open" if exchange.ended is None else "ended"

    def _near(self, exchange: Exchange) -> list[Json]:
        if exchange.operation is not None:
            return []
        return [
            {"method": miss.method, "path": miss.path, "reason": miss.reason}
            for miss in self.paths.nearest(exchange.method, exchange.path)
        ]

    def _home(self, exchange: Exchange) -> Journal | None:
        """The journal of the open world that the credential of a stray request names."""
        opened = self._credentials.opened(exchange.headers)
        if opened is None:
            return None
        exchange.credential, world = opened
        exchange.tenant, exchange.at = world.name, world.clock.now()
        return world.journal
