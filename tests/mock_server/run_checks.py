"""What holds for every run at every moment: its log, its times, its steps and its list."""

import json
from typing import Any

from engine_world import (
    BUSY,
)

from mock_server.engine.behaviour import (
    AfterFailed,
    ListOrder,
)
from mock_server.engine.enums import FINISHED, EventType, RunStatus, StepStatus
from mock_server.engine.run import Run
from mock_server.engine.run_state import Event, RunState, fold
from mock_server.worlds.world import World


def slots(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__slots__}


def picture(state: RunState) -> dict[str, Any]:
    return {**slots(state), "steps": [slots(step) for step in state.steps]}


def check_log(run: Run) -> None:
    """Events are numbered without gaps, in order of time, and only a retry follows an end."""
    assert [event.seq for event in run.log] == list(range(1, len(run.log) + 1))
    assert [event.at for event in run.log] == sorted(event.at for event in run.log)
    assert run.log[0].type is EventType.RUN_CREATED
    ends = {EventType.RUN_COMPLETED, EventType.RUN_FAILED, EventType.RUN_CANCELLED}
    for event, following in zip(run.log, run.log[1:], strict=False):
        if event.type in ends:
            assert following.type is EventType.RUN_RETRIED
    assert picture(fold(run.state.identity, run.log)) == picture(run.state)


def check_order(run: Run) -> None:
    """No step starts before everything it depends on has completed, nor outside of a running run,
    nor once a cancel was asked for."""
    state = RunState(run.state.identity)
    for event in run.log:
        if event.type in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL):
            assert event.step is not None
            assert state.status is RunStatus.RUNNING
            assert not state.cancelling
            for need in run.scenario.plans[event.step].needs:
                assert state.steps[need].status is StepStatus.COMPLETED
        state.apply(event)
        check_agreement_of_parts(state, event)


def check_agreement_of_parts(state: RunState, event: Event) -> None:
    """What holds after each single event."""
    busy = [step for step in state.steps if step.status in BUSY]
    if state.status in FINISHED and event.type is not EventType.STEP_RESET:
        assert not busy
    if state.status is RunStatus.COMPLETED:
        assert all(step.status is StepStatus.COMPLETED for step in state.steps)
    if state.status is RunStatus.FAILED:
        assert any(step.status is StepStatus.FAILED for step in state.steps)
        assert state.error is not None
    else:
        assert state.error is None


def check_state(world: World, run: Run) -> None:
    """The run's status agrees with its steps whenever the world is at rest."""
    state = run.state
    statuses = [step.status for step in state.steps]
    match state.status:
        case RunStatus.PENDING:
            assert not BUSY & set(statuses)
        case RunStatus.RUNNING:
            assert BUSY & set(statuses)
        case RunStatus.CANCELLED:
            assert not (BUSY | {StepStatus.PENDING}) & set(statuses)
        case RunStatus.FAILED:
            if world.engine.behaviour.after_failed is not AfterFailed.PENDING:
                assert StepStatus.PENDING not in statuses
    failed = {i for i, status in enumerate(statuses) if status is StepStatus.FAILED}
    for index in run.scenario.downstream(failed) - failed:
        assert statuses[index] is not StepStatus.COMPLETED
        assert statuses[index] not in BUSY


def check_times(run: Run) -> None:
    """Times are in order: the run's, each step's, and the steps' within the run's."""
    state = run.state
    created = state.identity.created
    assert (state.completed is not None) == (state.status in FINISHED)
    if state.status is RunStatus.PENDING:
        assert state.started is None
    times = [created, state.started, state.completed, state.updated]
    known = [time for time in times if time is not None]
    if state.started is None or state.started >= created:
        assert known == sorted(known)
    for step in state.steps:
        at_work = step.status in BUSY
        assert (step.started is not None) or step.completed is None
        if at_work:
            assert step.started is not None
            assert step.completed is None
        if step.started is not None and state.status is not RunStatus.PENDING:
            # A retry keeps completed steps with the times of their own attempt.
            kept = step.completed is not None and step.completed <= (state.started or state.updated)
            assert kept or (state.started is not None and step.started >= state.started)
        if step.completed is not None:
            assert step.started is not None
            assert step.started <= step.completed <= state.updated
        assert (step.error is not None) == (step.status is StepStatus.FAILED)


def check_world(world: World, runs: list[Run]) -> None:
    """The list shows each run once, as it is, in its order, and its counts add up."""
    page = json.loads(world.page(None, 1_000, 0))
    newest_first = world.behaviour.list_order is ListOrder.NEWEST_FIRST
    listed = runs[::-1] if newest_first else runs
    assert [item["id"] for item in page["items"]] == [run.id for run in listed]
    totals = 0
    for status in RunStatus:
        filtered = json.loads(world.page(status, 1_000, 0))
        assert {item["status"] for item in filtered["items"]} <= {status.value}
        assert filtered["total"] == len(filtered["items"])
        assert filtered["items"] == [i for i in page["items"] if i["status"] == status]
        totals += filtered["total"]
    assert totals == page["total"] == len(runs)
    for run, item in zip(listed, page["items"], strict=True):
        assert item == json.loads(world.body(run))
        assert item["status"] == run.state.status
        steps = json.loads(world.steps(run))
        for name in ("completed", "failed", "pending", "running"):
            shown = sum(step["status"] == name for step in steps["steps"])
            assert steps[f"{name}Count"] == shown
