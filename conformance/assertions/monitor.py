"""Watch every response for runs and steps that contradict themselves: in a body, a page or an
event. So a contradiction that lasts for a moment is found by any check that reads at that
moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from conformance.assertions import invariants
from conformance.assertions.event_order import disorder
from conformance.assertions.list_order import TiedRuns
from conformance.assertions.response_rules import RuleMonitor
from conformance.client.response import Response
from conformance.client.run_events import run_events
from conformance.client.sse import Parser
from conformance.errors import CheckFailed
from conformance.vocabulary import ROOT, Level, Status

Json = dict[str, Any]
# The requirement, its subject, and the fault of the subject.
Fault = tuple[str, str, str]

_METHODS = ("GET", "POST")
_STATUSES = frozenset(Status)
# The statuses of a dependency that say whether it is over.
_CONCLUSIVE = ("pending", "running", "completed")


class InvariantMonitor:
    """Report contradictions in responses to the rule monitor."""

    def __init__(self, monitor: RuleMonitor) -> None:
        self._monitor = monitor
        self._run_invariants = {
            n: invariant for n, invariant in invariants.RUN_INVARIANTS.items() if monitor.wants(n)
        }
        self._tied_runs = TiedRuns()

    def observe(self, response: Response) -> None:
        """Test the runs, steps or events in one response."""
        path = urlsplit(response.url).path
        if not 200 <= response.status < 300 or ROOT not in path or response.method not in _METHODS:
            return
        if response.media_type == "text/event-stream":
            # The content of an event is not documented.
            self._note(response, self._events(response.body), Level.INFERRED)
            return
        try:
            body = response.object()
        except CheckFailed:
            # That there is an object is the business of others.
            return
        if path.endswith("/steps"):
            self._note(response, _steps(body), None)
        else:
            items = body.get("items")
            shown = items if isinstance(items, list) else [body]
            self._note(response, self._runs(shown), None)
            self._note(response, _unknown_statuses(shown), Level.ANALOGUE)
            if isinstance(items, list) and (why := self._tied_runs.changed(items)):
                # Pages are disjoint as long as nothing changes between them.
                self._note(response, [("LIST-10", "the list", why)], Level.INFERRED)

    def _note(self, response: Response, faults: Iterable[Fault], level: Level | None) -> None:
        for name, subject, why in faults:
            self._monitor.note(
                name,
                CheckFailed(
                    f"{response.summary}: {subject}: {why}", level=level, exchange=response.exchange
                ),
            )

    def _runs(self, shown: Sequence[object]) -> Iterator[Fault]:
        for run in shown:
            # An incomplete run is the subject of other checks.
            if not isinstance(run, dict) or not isinstance(run.get("status"), str):
                continue
            # The meaning of a status that the contract does not know is open.
            if run["status"] not in _STATUSES:
                continue
            if run.get("createdAt") is None:
                continue
            for name, invariant in self._run_invariants.items():
                if why := invariant(run):
                    yield name, f"the {run['status']} run {run.get('id')}", why

    def _events(self, body: bytes) -> Iterator[Fault]:
        parser = Parser()
        parser.feed(body, 0.0)
        events = run_events(parser.events)
        if why := disorder(events, whole=False):
            yield "EVENTS-06", "the stream", why
        for event in events:
            yield from self._runs([event.run])
            if invariants.is_step(event.step):
                yield from _check_step_times([event.step or {}])


def _unknown_statuses(shown: Sequence[object]) -> Iterator[Fault]:
    for run in shown:
        status = run.get("status") if isinstance(run, dict) else None
        if isinstance(status, str) and status not in _STATUSES:
            yield "GET-01", "the run", f"{status!r} is a status that the contract does not know"


def _steps(body: Json) -> Iterator[Fault]:
    steps = body.get("steps")
    if not isinstance(steps, list) or not all(map(invariants.is_step, steps)):
        return
    run = f"the run {body.get('automationRunId')}"
    if why := invariants.counts_match_steps(body):
        yield "STEPS-03", run, why
    for name, invariant in invariants.STEP_INVARIANTS.items():
        if why := invariant(steps):
            yield name, run, why
    yield from _check_step_times(steps)
    by_key = {step["key"]: step for step in steps}
    for step in steps:
        # A step that has ended may be left from a previous attempt, and a step may go on after one
        # that was skipped, as on a branch. One that runs while its dependency is unfinished is
        # wrong in any run.
        if step["status"] == "running" and step.get("startedAt") is not None:
            for key in step["dependsOn"]:
                if why := _started_early(step, by_key.get(key, {})):
                    yield "STEPS-06", f"the running step {step['key']!r}", why


def _check_step_times(steps: Iterable[Json]) -> Iterator[Fault]:
    for step in steps:
        if why := invariants.step_times_consistent(step):
            yield "STEPS-07", f"the {step.get('status')} step {step.get('key')!r}", why


def _started_early(step: Json, needed: Json) -> str | None:
    if needed.get("status") not in _CONCLUSIVE:
        return None
    try:
        return invariants.started_before_dependency(step, needed)
    except ValueError:
        return None
