"""Random scenarios, behaviours and things done to runs, for property tests."""

from dataclasses import fields

from hypothesis import strategies as st

from mock_server.engine.behaviour import Behaviour, RetryIdentity
from mock_server.engine.duration import Span
from mock_server.engine.enums import RetryMode, RunStatus
from mock_server.engine.run_state import StepPlan
from mock_server.engine.scenario import (
    AutomationFile,
    Outcome,
    Scenario,
    StepError,
    StepScript,
    TriggerFile,
)

spans = st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)).map(
    lambda ends: Span(min(ends), max(ends))
)

scripts = st.builds(
    StepScript,
    takes=spans,
    outcomes=st.lists(
        st.sampled_from([Outcome.SUCCEEDS, Outcome.SUCCEEDS, *Outcome]), min_size=1, max_size=3
    ).map(tuple),
    result=st.none() | st.just({"rows": 3}),
    truncated=st.booleans(),
    error=st.just(StepError(code="broken", message="It broke")),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario of up to eight steps; each depends on some of those before it."""
    count = draw(st.integers(0, 8))
    plans = []
    for index in range(count):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        plans.append(StepPlan(f"step-{index}", f"Step {index}", tuple(sorted(needs))))
    return Scenario(
        name="random",
        summary="",
        automation=AutomationFile(name="Random", version=1),
        trigger=TriggerFile(),
        concurrency_key=None,
        waits=draw(spans),
        plans=tuple(plans),
        scripts=tuple(draw(scripts) for _ in plans),
    )


behaviours = st.builds(
    Behaviour,
    **{field.name: st.sampled_from(list(type(field.default))) for field in fields(Behaviour)},
)

advances = st.tuples(
    st.just("advance"), st.integers(0, 4_000) | st.sampled_from([500, 30_000, 86_400_000])
)
cancels = st.tuples(st.just("cancel"), st.integers(0, 3))
retries = st.tuples(
    st.just("retry"),
    st.integers(0, 3),
    st.sampled_from([RetryMode.FULL, *RetryMode]),
    st.none() | st.integers(0, 9).map(lambda index: f"step-{index}"),
)
decisions = st.tuples(st.just("decide"), st.integers(0, 3), st.booleans())
forces = st.tuples(
    st.just("force"),
    st.integers(0, 3),
    st.sampled_from([RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED]),
)
changes = st.tuples(st.just("behave"), st.sampled_from(RetryIdentity))
actions = st.lists(
    advances | advances | cancels | retries | decisions | forces | changes, max_size=14
)
casts = st.lists(scenarios(), min_size=1, max_size=3)
