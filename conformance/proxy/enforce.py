"""Reject requests that violate the contract, by the rules that judge the client."""

from __future__ import annotations

from dataclasses import replace

from conformance.contract.contract import load
from conformance.contract.schema import Schemas
from conformance.proxy.framing import Head
from conformance.proxy.gate import Rejection
from conformance.proxy.observer import observed_request
from conformance.traffic.client_rules import ClientRules, RequestFault

_STATUS = {"CLIENT-01": 404, "CLIENT-02": 405, "CLIENT-11": 400}
_DEFAULT = 422


class Enforcer:
    """Decide on complete requests. With `strict`, deviations are rejected, too."""

    def __init__(self, *, strict: bool = False) -> None:
        contract = load()
        self._rules = ClientRules(contract, Schemas(contract))
        self._strict = strict

    def __call__(self, head: Head, body: bytes) -> Rejection | None:
        """Return the rejection of a request, or None if it is passed on."""
        request = replace(observed_request(head, 0.0, ""), body=body)
        place = request.place
        if place is None:
            return None
        if head.faults:
            return Rejection(400, f"CLIENT-11: {head.faults[0]}")
        faults = [
            fault
            for fault in self._rules.faults(request, place)
            if fault.level.gates or self._strict
        ]
        if not faults:
            return None
        first = faults[0]
        allow = place.operation.method if place.operation else ""
        status = _STATUS.get(first.requirement, _DEFAULT)
        return Rejection(
            status,
            f"The request violates the contract. {first.requirement}: {first.message}",
            allow=f"{allow}, HEAD, OPTIONS" if status == 405 else "",
            errors=tuple(map(_entry, faults)),
        )


def _entry(fault: RequestFault) -> dict[str, str]:
    return {
        "requirement": fault.requirement,
        "detail": fault.message,
        "level": fault.level.value,
        "contractLocation": fault.contract_location,
    }
