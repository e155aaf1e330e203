"""Which parts of the contract a client has used so far, and which it has not.

A world collects while it sends responses: how often each operation had which status code, the
parameters and enum values of requests, the credentials, and the enum values of runs, steps and
events when they are first rendered. The size of the contract bounds all of it. ``report`` compares
it with the contract.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from mock_server.engine.enums import EventType, StepStatus
from mock_server.engine.run_state import Json, RunState
from mock_server.journal.contract_index import ContractIndex, Operation

_RUN_FIELDS = ("Run.status", "Run.orchestratorType", "Run.triggerType", "Run.triggerSourceType")
_STEP_STATUS = "Step.status"
_EVENT_TYPE = "RunEvent.event"


SentParameters = set[str | tuple[str, str]]
"""The names of the parameters in requests; for one with an enum, name and value too."""

ResponseCounts = dict[tuple[str | None, int | None], int]
"""How many responses there were, by operation and status code."""

RunValues = tuple[str | None, ...]
"""The enum values of a run, in the order of the fields that have an enum."""


def run_values(state: RunState) -> RunValues:
    """Return the enum values of a run."""
    identity = state.identity
    return (
        state.status,
        identity.orchestrator_type,
        identity.trigger_type,
        identity.trigger_source_type,
    )


class Coverage:
    """What one world's client has used; ``sent`` is by operation."""

    __slots__ = ("credentials", "events", "response_counts", "runs", "sent", "steps")

    def __init__(self) -> None:
        self.response_counts: ResponseCounts = {}
        self.sent: defaultdict[str, SentParameters] = defaultdict(set)
        self.credentials: set[str] = set()
        self.runs: set[RunValues] = set()
        self.steps: set[StepStatus] = set()
        self.events: set[EventType] = set()

    def record_run(self, state: RunState) -> None:
        """Count the run, which is about to be sent for the first time."""
        self.runs.add(run_values(state))

    def record_steps(self, state: RunState) -> None:
        """Count the run's steps, which are about to be sent for the first time."""
        self.steps.update(step.status for step in state.steps)

    def record_event(self, event: EventType, run: RunValues, step: StepStatus | None) -> None:
        """Count an event that is about to be sent, with the values of its run and step."""
        self.events.add(event)
        self.runs.add(run)
        if step is not None:
            self.steps.add(step)

    def report(self, contract: ContractIndex, response_counts: ResponseCounts) -> Json:
        """Return what was seen and what is missing, by part, and the totals."""
        operations = [
            self._operation(operation, response_counts)
            for operation in contract.operations.values()
        ]
        runs = list(zip(*self.runs, strict=True)) or [()] * len(_RUN_FIELDS)
        values: dict[str, Iterable[str | None]] = dict(zip(_RUN_FIELDS, runs, strict=True))
        values[_STEP_STATUS] = self.steps
        enums = {**contract.response_enums, _STEP_STATUS: tuple(StepStatus)}
        events = _part(enums.pop(_EVENT_TYPE), self.events)
        received = [
            {"name": name, **_part(enum, values[name])}
            for name, enum in enums.items()
            if name in values
        ]
        sent = [
            {
                "name": f"{operation.id}.{name}",
                **_part(enum, {one[1] for one in self.sent[operation.id] if one[0] == name}),
            }
            for operation in contract.operations.values()
            for name, enum in operation.enums.items()
        ]
        credentials = _part(contract.security_schemes, self.credentials)
        parts = [
            *chain.from_iterable((one["statuses"], one["parameters"]) for one in operations),
            *sent,
            *received,
            events,
            credentials,
        ]
        seen = sum(len(part["seen"]) for part in parts)
        return {
            "seen": seen,
            "of": seen + sum(len(part["missing"]) for part in parts),
            "operations": operations,
            "sent": sent,
            "received": received,
            "events": events,
            "credentials": credentials,
        }

    def _operation(self, operation: Operation, response_counts: ResponseCounts) -> Json:
        counts = {
            str(status): count
            for (id_, status), count in response_counts.items()
            if id_ == operation.id and status is not None
        }
        parameters = {name for name in self.sent[operation.id] if isinstance(name, str)}
        if counts:
            parameters |= {name for name in operation.parameters if f"{{{name}}}" in operation.path}
        return {
            "operation": operation.id,
            "method": operation.method,
            "path": operation.path,
            "requests": sum(counts.values()),
            "statuses": {
                **_part(operation.responses, counts),
                "undeclared": sorted(counts.keys() - operation.responses.keys()),
            },
            "parameters": _part(operation.parameters, parameters),
        }


def _part(declared: Iterable[str], used: Iterable[str | None]) -> Json:
    used = set(used)
    names = [str(name) for name in declared]
    return {
        "seen": [name for name in names if name in used],
        "missing": [name for name in names if name not in used],
    }
