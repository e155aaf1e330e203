"""Read the findings of Schemathesis from its event file: which cases were sent for each phase and
operation, which responses came, and which of its checks failed."""

from __future__ import annotations

import base64
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.client.recorder import Exchange
from conformance.fuzz.messages import describe_failure
from conformance.vocabulary import Operation


@dataclass(frozen=True, slots=True)
class Failure:
    """One check of Schemathesis that failed, with the exchange that shows it (number 0)."""

    check: str
    message: str
    exchange: Exchange

    @property
    def server_error(self) -> bool:
        """Whether the server failed, which no view of the contract allows."""
        return self.check == "not_a_server_error"

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """Return the parts that it shares with the same failure against another view."""
        e = self.exchange
        return self.check, e.method, str(e.status), e.request_body


@dataclass(slots=True)
class PhaseResult:
    """A phase of one operation: how often each status came, and the failures; `timed_out` says that
    there was no time for the rest."""

    statuses: dict[int, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    without_response: int = 0
    timed_out: bool = False

    @property
    def sent(self) -> int:
        """How many requests got a response."""
        return sum(self.statuses.values())

    @property
    def succeeded(self) -> int:
        """How many of them with the 200 class."""
        return sum(n for status, n in self.statuses.items() if 200 <= status < 300)


FuzzResults = dict[tuple[str, Operation], PhaseResult]
# So many requests without a success are not an accident.
_ENOUGH = 10
_LEFT_TO_CHANCE = ("fuzzing", "stateful")


def missed(
    found: FuzzResults, tried: Mapping[str, Iterable[Operation]]
) -> set[tuple[str, Operation]]:
    """Return the operations that chance, or a slow machine, left without a success in a phase:
    few requests were sent, or got a response in time, and other phases had one."""
    keys = {(phase, operation) for phase in tried for operation in tried[phase]}
    results = {key: found.get(key, PhaseResult()) for key in keys}

    def by_chance(phase: str, operation: Operation) -> bool:
        result = results[phase, operation]
        others = [r for (p, o), r in results.items() if o == operation and p != phase]
        return (
            not (result.succeeded or result.failures or result.timed_out)
            and result.sent + result.without_response < _ENOUGH
            and (phase in _LEFT_TO_CHANCE or result.without_response > 0)
            and (not others or any(other.succeeded for other in others))
        )

    return {key for key in keys if by_chance(*key)}


def add(found: FuzzResults, more: FuzzResults, wanted: Container[tuple[str, Operation]]) -> None:
    """Add the results of another round for the wanted operations, and its failures for all."""
    for key, result in more.items():
        known = found.setdefault(key, PhaseResult())
        known.failures += result.failures
        if key in wanted:
            for status, count in result.statuses.items():
                known.statuses[status] = known.statuses.get(status, 0) + count
            known.without_response += result.without_response
            known.errors += result.errors
            known.timed_out |= result.timed_out


def read(lines: Iterable[str]) -> FuzzResults:
    """The tallies by phase and operation; a line that is cut off ends the reading."""
    results_by_phase: FuzzResults = {}
    for line in lines:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            break
        if (scenario := event.get("ScenarioFinished")) is not None:
            _count(scenario["phase"], scenario["recorder"], results_by_phase)
        elif (fault := event.get("NonFatalError")) is not None:
            # An error without an operation applies to all: the complete phase failed.
            named = _operation(*str(fault.get("label", "")).split(" ", 1))
            for operation in Operation if named is None else [named]:
                key = (str(fault.get("phase", "")), operation)
                results_by_phase.setdefault(key, PhaseResult()).errors.append(_error(fault))
    return results_by_phase


def _count(phase: str, recorder: dict[str, Any], results_by_phase: FuzzResults) -> None:
    for case_id, interaction in recorder.get("interactions", {}).items():
        case = recorder["cases"][case_id]["value"]
        operation = _operation(case["method"], case["path"])
        if operation is None:
            continue
        result = results_by_phase.setdefault((phase, operation), PhaseResult())
        exchange = _exchange(interaction)
        if exchange.status is None:
            result.without_response += 1
        else:
            result.statuses[exchange.status] = result.statuses.get(exchange.status, 0) + 1
        result.failures += [
            Failure(name, describe_failure(name, message, exchange), exchange)
            for name, message in _failed(recorder.get("checks", {}).get(case_id, ()))
            if not (name == "negative_data_rejection" and _means_no_body(operation, exchange))
        ]


def _means_no_body(operation: Operation, exchange: Exchange) -> bool:
    """The page shows a body and does not call it required (Q17): null is another word for none."""
    body = exchange.request_body
    return operation is Operation.RETRY and body is not None and body.strip() == "null"


def _failed(checks: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for check in checks:
        if check["status"] == "failure":
            failure = (check.get("failure_info") or {}).get("failure") or {}
            title = str(failure.get("title", check["name"]))
            message = str(failure.get("message", "")).strip()
            yield check["name"], f"{title}: {message}" if message else title


def _exchange(interaction: dict[str, Any]) -> Exchange:
    request, response = interaction["request"], interaction.get("response")
    body = request.get("body")
    return Exchange(
        number=0,
        method=request["method"],
        url=request["uri"],
        request_headers=_joined(request.get("headers", {})),
        request_body=None if body is None else _text(body),
        status=None if response is None else response["status_code"],
        response_headers={} if response is None else _joined(response["headers"]),
        response_body="" if response is None else _text(response.get("content")),
        seconds=0.0 if response is None else round(response.get("elapsed", 0.0), 4),
    )


def _joined(headers: dict[str, list[str]]) -> dict[str, str]:
    return {
        name: ", ".join(values) if isinstance(values, list) else values
        for name, values in headers.items()
    }


def _text(body: Any) -> str:
    if isinstance(body, dict) and "$base64" in body:
        body = base64.b64decode(body["$base64"]).decode("utf-8", "replace")
    return str(body or "")


def _operation(method: str, path: str = "") -> Operation | None:
    for operation in Operation:
        if operation.method == method and operation.path("{run_id}") == path:
            return operation
    return None


def _error(fault: dict[str, Any]) -> str:
    value = fault.get("value") or {}
    return str(value.get("message", value)) if isinstance(value, dict) else str(value)
