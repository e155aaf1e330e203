"""FUZZ: the schemas and bounds of the contract, tried out by Schemathesis, phase by phase for each
operation. Cancel and retry get runs that they can still cancel and retry, and an operation that was
never answered with success was not put to the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from conformance.engine import requirement
from conformance.errors import Finding, Inconclusive, Unsupported
from conformance.fuzz.document import View
from conformance.fuzz.outcome import Failure, Outcome, Tally
from conformance.fuzz.runner import fuzz
from conformance.kit import Kit
from conformance.vocabulary import Level, Operation, State, Status

PHASES = ("examples", "coverage")
_FRESH = 8
_CHANGED = {
    Operation.CANCEL: (State.PENDING, None),
    Operation.RETRY: (State.FAILS_ONCE, Status.FAILED),
}
CASES = [
    pytest.param(
        phase,
        operation,
        marks=requirement(f"FUZZ-{phase.upper()}-{operation.name}"),
        id=f"{phase}-{operation.value}",
    )
    for operation in Operation
    for phase in PHASES
]


@pytest.mark.parametrize(("phase", "operation"), CASES)
def check_what_schemathesis_finds(kit: Kit, phase: str, operation: Operation) -> None:
    """No failure against the documented view, and none but that against the whole contract."""
    if kit.settings.read_only and operation.method != "GET":
        raise Unsupported("it needs to change something, and the run is read-only")
    found = kit.archive.once("fuzz", lambda: _fuzz(kit))
    documented, tolerant = (found[view].get((phase, operation), Tally()) for view in View)
    if documented.failures:
        _accuse(kit, documented.failures[0], None)
    if failure := next((f for f in tolerant.failures if f.server_error), None):
        _accuse(kit, failure, None)
    if tolerant.failures:
        _accuse(kit, tolerant.failures[0], Level.INFERRED)
    for tally in (documented, tolerant):
        if not tally.succeeded:
            why = f": {tally.errors[0]}" if tally.errors else ""
            raise Inconclusive(
                f"of {tally.sent} requests none was answered with success{why} {tally.statuses}"
            )


def _accuse(kit: Kit, failure: Failure, level: Level | None) -> None:
    number = kit.api.target.traffic.keep(failure.exchange)
    raise Finding(failure.message, level=level, exchange=number)


def _fuzz(kit: Kit) -> Mapping[View, Outcome]:
    wanted = [
        (phase, operation)
        for phase in PHASES
        for operation in Operation
        if f"FUZZ-{phase.upper()}-{operation.name}" in kit.selected
        and not (kit.settings.read_only and operation.method != "GET")
    ]
    phases = [phase for phase in PHASES if phase in {p for p, _ in wanted}]
    operations = list(dict.fromkeys(operation for _, operation in wanted))
    runs = {view: {operation: _runs(kit, operation) for operation in operations} for view in View}
    seconds = kit.settings.budget
    target = kit.api.target
    return fuzz(kit.contract, target.base_url, kit.credentials[0], phases, runs, seconds)


def _runs(kit: Kit, operation: Operation) -> Sequence[str]:
    if operation not in _CHANGED:
        return [kit.runs.shared(State.COMPLETED)]
    state, at = _CHANGED[operation]
    return kit.runs.several(state, at, _FRESH)
