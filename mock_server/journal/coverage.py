"""Which parts of the contract a client has met so far, and which it has not.

A world collects while it answers: how often each operation gave which status, the parameters and
words that were sent, the credentials, and the words of runs, steps and events at the moment they
are rendered, which is when somebody is about to read them for the first time. Everything here is
bounded by the size of the contract. ``report`` holds it against what the contract declares.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from mock_server.engine.enums import EventType, StepStatus
from mock_server.engine.run_state import Event, Json, RunState
from mock_server.journal.contract_index import ContractIndex, Operation

_RUN_FIELDS = ("Run.status", "Run.orchestratorType", "Run.triggerType", "Run.triggerSourceType")
_STEP_STATUS = "Step.status"
_EVENT_TYPE = "RunEvent.event"


SentParameters = set[str | tuple[str, str]]
"""The names of parameters that were sent; of those with a closed vocabulary, name and word too."""

ResponseCounts = dict[tuple[str | None, int | None], int]
"""How often each operation gave which status."""


class Coverage:
    """What one world's client has met; ``given`` by operation."""

    __slots__ = ("answers", "credentials", "events", "given", "runs", "steps")

    def __init__(self) -> None:
        self.answers: ResponseCounts = {}
        self.given: defaultdict[str, SentParameters] = defaultdict(set)
        self.credentials: set[str] = set()
        self.runs: set[tuple[str | None, ...]] = set()
        self.steps: set[StepStatus] = set()
        self.events: set[EventType] = set()

    def record_run(self, state: RunState) -> None:
        """Somebody is about to read this run."""
        who = state.identity
        self.runs.add(
            (state.status, who.orchestrator_type, who.trigger_type, who.trigger_source_type)
        )

    def record_steps(self, state: RunState) -> None:
        """Somebody is about to read this run's steps."""
        self.steps.update(step.status for step in state.steps)

    def record_event(self, event: Event, state: RunState) -> None:
        """Somebody is about to read this event, with run and step as ``state`` has them."""
        self.events.add(event.type)
        self.record_run(state)
        if event.step is not None:
            self.steps.add(state.steps[event.step].status)

    def report(self, declared: ContractIndex, answers: ResponseCounts) -> Json:
        """What was met and what is missing, part by part, and how many of how many in all."""
        operations = [self._operation(one, answers) for one in declared.operations.values()]
        runs = list(zip(*self.runs, strict=True)) or [()] * len(_RUN_FIELDS)
        met: dict[str, Iterable[str | None]] = dict(zip(_RUN_FIELDS, runs, strict=True))
        known = {**declared.response_enums, _STEP_STATUS: tuple(StepStatus)}
        events = _part(known.pop(_EVENT_TYPE), self.events)
        met[_STEP_STATUS] = self.steps
        received = [
            {"name": name, **_part(words, met[name])}
            for name, words in known.items()
            if name in met
        ]
        sent = [
            {
                "name": f"{one.id}.{name}",
                **_part(words, {g[1] for g in self.given[one.id] if g[0] == name}),
            }
            for one in declared.operations.values()
            for name, words in one.enums.items()
        ]
        credentials = _part(declared.security_schemes, self.credentials)
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

    def _operation(self, operation: Operation, counted: ResponseCounts) -> Json:
        answers = {
            str(status): count
            for (id_, status), count in counted.items()
            if id_ == operation.id and status is not None
        }
        given = {name for name in self.given[operation.id] if isinstance(name, str)}
        if answers:
            given |= {name for name in operation.parameters if f"{{{name}}}" in operation.path}
        return {
            "operation": operation.id,
            "method": operation.method,
            "path": operation.path,
            "requests": sum(answers.values()),
            "statuses": {
                **_part(operation.responses, answers),
                "undeclared": sorted(answers.keys() - operation.responses.keys()),
            },
            "parameters": _part(operation.parameters, given),
        }


def _part(declared: Iterable[str], met: Iterable[str | None]) -> Json:
    there = set(met)
    words = [str(word) for word in declared]
    return {
        "seen": [word for word in words if word in there],
        "missing": [word for word in words if word not in there],
    }
