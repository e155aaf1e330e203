"""FUZZ: the schemas and bounds of the contract, tried out by Schemathesis, phase by phase for each
operation.

An operation that changes runs gets runs that it can change, and an operation that never succeeded
was not tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from conformance import deadline
from conformance.errors import CheckFailed, Inconclusive, Outcome, Unsupported
from conformance.fuzz.results import Failure, FuzzResults, PhaseResult
from conformance.fuzz.runner import FuzzTarget, fuzz
from conformance.fuzz.schema import View
from conformance.harness.context import CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import Level, Operation, State, Status

PHASES = ("examples", "coverage", "fuzzing", "stateful")
CASES = [
    pytest.param(
        phase,
        operation,
        marks=requirement(f"FUZZ-{phase.upper()}-{operation.name}", shares="fuzz"),
        id=f"{phase}-{operation.value}",
    )
    for operation in Operation
    for phase in PHASES
]
_CHANGED = {
    Operation.CANCEL: (State.PENDING, None),
    Operation.RETRY: (State.FAILS_ONCE, Status.FAILED),
}
_MIN_RUNS = 5
_MAX_RUNS = 40


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """Hold the results of each view, and the reason for each operation that could not be tried."""

    views: Mapping[View, FuzzResults]
    skipped: Mapping[tuple[str, Operation], Outcome]


@pytest.mark.parametrize(("phase", "operation"), CASES)
def check_schemathesis_finds_no_failure(
    context: CheckContext, phase: str, operation: Operation
) -> None:
    """No failure against the documented view, and none but that against the whole contract."""
    if context.read_only and operation.method != "GET":
        raise Unsupported("it needs to change something, and the run is read-only")
    found = context.cache.once("fuzz", lambda: _run_fuzzer(context))
    if (reason := found.skipped.get((phase, operation))) is not None:
        raise reason
    documented, tolerant = (
        found.views[view].get((phase, operation), PhaseResult()) for view in View
    )
    if documented.failures:
        _fail(context, documented.failures[0], None)
    if failure := next((f for f in tolerant.failures if f.server_error), None):
        _fail(context, failure, None)
    if tolerant.failures:
        _fail(context, tolerant.failures[0], Level.INFERRED)
    if documented.timed_out or tolerant.timed_out:
        raise Inconclusive(f"there was time for {documented.sent + tolerant.sent} requests only")
    for result in (documented, tolerant):
        if not result.succeeded:
            raise Inconclusive(_why_untested(result))


def _why_untested(result: PhaseResult) -> str:
    """Return why an operation was not tested, and how to change that."""
    if result.errors:
        return f"no request succeeded: {result.errors[0]}"
    if not result.sent and result.without_response:
        return (
            f"none of {result.without_response} requests got a response in time: repeat it on a "
            f"less busy host"
        )
    if not result.sent:
        return "the generated cases had no such request: generate more with --fuzz 50"
    came = ", ".join(f"{count} with {code}" for code, count in sorted(result.statuses.items()))
    return f"none of {result.sent} requests succeeded: {came}"


def _fail(context: CheckContext, failure: Failure, level: Level | None) -> None:
    number = context.api.target.traffic.keep(failure.exchange)
    again = context.fuzz.again
    message = f"{failure.message} (repeat with {again})" if again else failure.message
    raise CheckFailed(message, level=level, exchange=number)


def _run_fuzzer(context: CheckContext) -> Fuzzed:
    pools: dict[View, dict[str, dict[Operation, Sequence[str]]]] = {view: {} for view in View}
    skipped: dict[tuple[str, Operation], Outcome] = {}
    for phase in PHASES:
        for operation in _wanted(context, phase):
            try:
                found = {view: _runs(context, operation) for view in View}
            except Outcome as why:
                skipped[phase, operation] = why
                continue
            for view in View:
                pools[view].setdefault(phase, {})[operation] = found[view]
    # All of them together, so that it takes no longer than one.
    for phase, operation in [(p, o) for p, runs in pools[View.TOLERANT].items() for o in runs]:
        try:
            _settle(context, operation, [pools[view][phase][operation] for view in View])
        except Outcome as why:
            skipped[phase, operation] = why
            for view in View:
                del pools[view][phase][operation]
    views: Mapping[View, FuzzResults] = {view: {} for view in View}
    if any(pools.values()):
        target = context.api.target
        # The results found by then must still be read.
        left = deadline.left(context.budget)
        seconds = max(left - max(2.0, 0.1 * left), 0.5 * left)
        views = fuzz(
            context.contract,
            FuzzTarget(target.base_url, target.connection, context.credentials[0], target.renewals),
            pools,
            replace(context.fuzz, per_minute=target.pacer.configured),
            seconds,
        )
        used = [
            pool for phases in pools.values() for each in phases.values() for pool in each.values()
        ]
        context.runs.may_have_changed(run_id for pool in used for run_id in pool)
    return Fuzzed(views, skipped)


def _wanted(context: CheckContext, phase: str) -> list[Operation]:
    """Return the operations that this phase is to try; the stateful phase needs all of them."""
    possible = [o for o in Operation if o.method == "GET" or not context.read_only]
    requested = [o for o in possible if f"FUZZ-{phase.upper()}-{o.name}" in context.selected]
    return possible if phase == "stateful" and requested else requested


def _runs(context: CheckContext, operation: Operation) -> Sequence[str]:
    if operation not in _CHANGED:
        return [context.runs.shared(State.COMPLETED)]
    state, _ = _CHANGED[operation]
    return context.runs.fresh_many(
        state, None, min(_MAX_RUNS, max(_MIN_RUNS, context.fuzz.cases // 4))
    )


def _settle(context: CheckContext, operation: Operation, runs: Iterable[Sequence[str]]) -> None:
    """Wait until the operation can change these runs."""
    _, at = _CHANGED.get(operation, (None, None))
    if at is not None:
        for run_id in (run_id for some in runs for run_id in some):
            context.runs.wait_for_status(run_id, at)
