"""Why a response is what it is: an entry of the journal in the contract's terms.

An entry names the operation, the security scheme of the credential (never its text), the open
question on which the response depends and its answer in force, the faults, and where in
``openapi.yaml`` the response is declared; for a request that matched no operation, the nearest
ones.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

import orjson

from mock_server.engine.behaviour import Behaviour, UnknownParameter, questions
from mock_server.engine.clock import SECOND, to_text
from mock_server.engine.run_state import Json
from mock_server.http.credentials import Credentials
from mock_server.http.request_schema import LAST_EVENT_ID, is_extension
from mock_server.journal.contract_index import ContractIndex
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal, UnassignedJournal
from mock_server.journal.metrics import Metrics
from mock_server.journal.near_miss import KnownPaths
from mock_server.journal.redaction import Redaction

_MAX_IGNORED = 20


class Reporter:
    """Counts exchanges, as the metrics do, and calls ``report`` with the entry of each."""

    def __init__(self, explainer: "Explainer", report: Callable[[Json], None]) -> None:
        self._explainer = explainer
        self._report = report

    def count(self, exchange: Exchange) -> None:
        self._explainer.metrics.count(exchange)
        self._report(self._explainer.entry(exchange))


class Explainer:
    """Explains the responses of one mock. ``unassigned`` holds the requests that reached no
    world."""

    def __init__(
        self,
        contract: ContractIndex,
        control: ContractIndex,
        credentials: Credentials,
        behaviour: Behaviour,
    ) -> None:
        self.contract = contract
        self.metrics = Metrics()
        self.unassigned = UnassignedJournal(behaviour, self._world_journal)
        self.paths = KnownPaths([*contract.operations.values(), *control.operations.values()])
        self._questions = questions()
        self._credentials = credentials

    def entry(self, exchange: Exchange) -> Json:
        """Return the exchange as JSON, explained, without credentials."""
        if exchange.rendered is not None:
            return exchange.rendered
        tenant = exchange.tenant
        redaction = Redaction(exchange.headers, exchange.query, tenant)
        duration = None if exchange.ended is None else exchange.ended - exchange.started
        return {
            "number": exchange.number,
            "method": exchange.method,
            "path": redaction.text(exchange.path),
            "query": redaction.query(),
            "headers": redaction.headers(),
            "body": redaction.body(exchange.body),
            "operation": exchange.operation,
            "tenant": tenant,
            "credential": self._scheme(exchange),
            "at": None if exchange.at is None else to_text(exchange.at),
            "status": exchange.status,
            "reason": redaction.all(exchange.reason),
            "flaws": redaction.all([detail.to_json() for detail in exchange.errors]),
            "ignored": redaction.all(self._ignored(exchange)),
            "question": self._question(exchange),
            "faults": exchange.faults,
            "backend": exchange.backend,
            "contract": self._location(exchange),
            "stream": self._stream(exchange),
            "durationMs": None if duration is None else round(duration * SECOND, 3),
            "bytesSent": 0 if exchange.method == "HEAD" else exchange.bytes_sent,
            "nearMisses": redaction.all(self._near_misses(exchange)),
        }

    def _scheme(self, exchange: Exchange) -> str | None:
        """Return the scheme of the valid credential, or else of the first one."""
        if exchange.credential is not None:
            return exchange.credential
        extracted = self._credentials.extract(exchange.headers)
        return extracted[0][0] if extracted else None

    def _ignored(self, exchange: Exchange) -> list[list[str]]:
        """Return the location of each part of the request that the response does not depend on."""
        found = []
        if any(name == b"upgrade" for name, _ in exchange.headers):
            found.append(["header", "Upgrade"])
        operation = self.contract.operations.get(exchange.operation or "")
        if operation is None:
            return found
        if exchange.behaviour.unknown_parameters is not UnknownParameter.INVALID:
            resumable = LAST_EVENT_ID in operation.parameters
            pairs = parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True)
            found += [
                ["query", name]
                for name in dict.fromkeys(name for name, _ in pairs)
                if name not in operation.query and not is_extension(name, resumable=resumable)
            ]
        names = operation.parameters
        found += [["body", name] for name in _properties(exchange.body) if name not in names]
        return found[:_MAX_IGNORED]

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
        """Return where the contract declares the response, or why nowhere."""
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

    def _near_misses(self, exchange: Exchange) -> list[Json]:
        if exchange.operation is not None:
            return []
        return [
            {"method": miss.method, "path": miss.path, "reason": miss.reason}
            for miss in self.paths.nearest(exchange.method, exchange.path)
        ]

    def _world_journal(self, exchange: Exchange) -> Journal | None:
        """Return the journal of the open world that the credential of a request names."""
        open_world = self._credentials.open_world(exchange.headers)
        if open_world is None:
            return None
        exchange.credential, world = open_world
        exchange.tenant, exchange.at = world.name, world.clock.now()
        return world.journal


def _properties(body: bytes | None) -> list[str]:
    """Return the names of the properties of a JSON object; none for another body."""
    try:
        value = orjson.loads(body or b"null")
    except orjson.JSONDecodeError:
        return []
    return list(value) if isinstance(value, dict) else []
