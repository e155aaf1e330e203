"""A world that was written down and read back is the same, now and later."""

from typing import Any

import orjson
import pytest
from engine_world import act, advance, new_world
from hypothesis import given, settings
from strategies import actions, behaviours, casts
from test_registry import opened

from mock_server.engine.behaviour import Behaviour, RetryIdentity
from mock_server.engine.clock import DAY, from_text
from mock_server.engine.enums import RetryMode
from mock_server.engine.fake_data import FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.scenario import Scenario, read_all
from mock_server.errors import HttpError, RequestValidationError
from mock_server.faults.rules import Rule
from mock_server.resources import scenarios_dir
from mock_server.settings import Settings
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.cooperative import run_to_end
from mock_server.worlds.registry import Worlds
from mock_server.worlds.restore import restore
from mock_server.worlds.snapshot import write
from mock_server.worlds.world import World

NOW = from_text("2026-03-02T08:15:00Z")
SCENARIOS = read_all(scenarios_dir())


def dump(world: World) -> bytes:
    return run_to_end(write(world))


def copy(world: World, name: str = "test") -> World:
    return run_to_end(restore(orjson.loads(dump(world)), name, FakeData(), ("body",)))


def bodies(world: World) -> list[bytes]:
    """Everything that can be read of a world."""
    runs = list(world.runs())
    return [world.page(None, 1_000, 0), *map(world.body, runs), *map(world.steps, runs)]


@settings(max_examples=100, deadline=None)
@given(casts, behaviours, actions, actions)
def test_a_world_survives_being_written_down(
    cast: list[Scenario],
    behaviour: Behaviour,
    before: list[tuple[Any, ...]],
    after: list[tuple[Any, ...]],
) -> None:
    """Whatever happened to it: written down again it gives the same bytes, and whatever is done
    next has the same effect on the copy as on the original."""
    world = new_world(behaviour)
    for scenario in cast:
        world.create(scenario)
    for action in before:
        act(world, list(world.runs()), action)
    other = copy(world)
    assert dump(other) == dump(world)
    assert bodies(other) == bodies(world)
    for one in (world, other):
        one.create(cast[0])
        for action in after:
            act(one, list(one.runs()), action)
        advance(one, DAY)
    assert dump(other) == dump(world)
    assert bodies(other) == bodies(world)


def test_equal_seed_and_calls_give_equal_documents() -> None:
    """Byte for byte, history and all; another seed gives another."""
    first, same, other = (
        dump(opened(Worlds(Settings(now=NOW, scale=0, seed=seed)), "demo")) for seed in (7, 7, 8)
    )
    assert first == same
    assert first != other


def test_a_copy_in_another_world_goes_on_as_the_original() -> None:
    """Under another name it is still the world it was taken from: tenant, ids, draws, arrivals,
    faults and the runs that are still to be created."""
    world = opened(Worlds(Settings(now=NOW, scale=0)), "demo")
    mix = [(SCENARIOS["flaky"], 1.0), (SCENARIOS["diamond"], 2)]
    world.set_arrivals(Arrivals(6, mix, SeededRandom(world.seed, world.origin, "arrivals"), NOW))
    rules = [{"status": {"code": 503}, "count": 3, "lasts": "5m"}, {"rateLimit": {"limit": 5}}]
    world.faults.add([Rule.model_validate(rule) for rule in rules], NOW)
    other = copy(world, "test-copy")
    for one in (world, other):
        advance(one, 10_000)
        one.create(SCENARIOS["fan-out"])
        advance(one, 60_000)
    assert other.name == "test-copy"
    assert len(list(world.runs())) > 70
    assert dump(other) == dump(world)
    assert bodies(other) == bodies(world)


def test_a_clock_goes_on_as_it_went() -> None:
    """Running at its scale or frozen, from the instant it showed."""
    world = new_world()
    world.clock.rescale(60)
    assert (copy(world).clock.frozen, copy(world).clock.scale) == (True, 60)
    world.clock.resume()
    other = copy(world)
    assert (other.clock.frozen, other.clock.scale) == (False, 60)
    assert other.clock.now() >= world.engine.now


def test_some_runs_of_a_world_go_on_as_in_the_whole() -> None:
    """What a run draws does not depend on which other runs there are."""
    world = opened(Worlds(Settings(now=NOW, scale=0)), "demo")
    live = [run for run in world.runs() if not run.finished]
    other = run_to_end(
        restore(orjson.loads(run_to_end(write(world, live))), "test", FakeData(), ())
    )
    for one in (world, other):
        advance(one, DAY)
    for run in other.runs():
        twin = world.find(run.id)
        assert twin is not None
        assert (other.body(run), other.steps(run)) == (world.body(twin), world.steps(twin))
    scenario = SCENARIOS["diamond"]
    assert other.create(scenario).id == world.create(scenario).id


def test_a_retry_of_a_run_that_a_retry_made_survives_being_written_down() -> None:
    """The copy knows which attempts were taken over and which were its own."""
    world = new_world(Behaviour(retry_identity=RetryIdentity.NEW_RUN))
    failed = world.create(SCENARIOS["failure-in-the-middle"])
    advance(world, DAY)
    new = world.retry(failed, RetryMode.FROM_FAILED, None)
    advance(world, DAY)
    world.set_behaviour(Behaviour(retry_identity=RetryIdentity.SAME_RUN))
    world.retry(new, RetryMode.FULL, None)
    advance(world, DAY)
    other = copy(world)
    twin = other.find(new.id)
    assert twin is not None
    assert twin.attempts == new.attempts
    assert dump(other) == dump(world)
    other.retry(twin, RetryMode.FULL, None)
    world.retry(new, RetryMode.FULL, None)
    for one in (world, other):
        advance(one, DAY)
    assert dump(other) == dump(world)


def document() -> dict[str, Any]:
    """A world with a run at work, one that waits and one that a retry made of another."""
    world = new_world(Behaviour(retry_identity=RetryIdentity.NEW_RUN))
    failed = world.create(SCENARIOS["failure-in-the-middle"])
    advance(world, DAY)
    world.retry(failed, RetryMode.FROM_FAILED, None)
    advance(world, 1_500)
    world.create(SCENARIOS["diamond"])
    advance(world, 1_500)
    world.create(SCENARIOS["quick-success"])
    value: dict[str, Any] = orjson.loads(dump(world))
    return value


@pytest.mark.parametrize(
    ("path", "value", "loc", "part"),
    [
        (("version",), 2, "version", "version 1, not 2"),
        (("format",), "har", "format", "automation-runs-mock/world"),
        (("surprise",), 1, "surprise", "Extra inputs"),
        (("seed",), "7", "seed", "integer"),
        (("clock", "now"), "noon", "clock.now", "Invalid isoformat"),
        (("clock", "scale"), 0, "clock.scale", "0.001"),
        (("behaviour", "Q01"), "maybe", "behaviour.Q01", "same_run"),
        (
            ("scenarios", 0, "plays", "steps", 0, "takes"),
            "x",
            "scenarios.0.plays.steps.0",
            "not a duration",
        ),
        (
            ("scenarios", 0, "plays", "steps", 1, "dependsOn"),
            ["x"],
            "scenarios.0.plays",
            "not a step",
        ),
        (("runs", 0, "scenario"), 9, "runs.0.scenario", "unknown scenario 9"),
        (("runs", 0, "id"), "7", "runs.0.id", "pattern"),
        (("runs", 0, "log"), [], "runs.0.log", "at least 1"),
        (("runs", 0, "log", 0, 0), -1, "runs.0.log.0.0", "greater than"),
        (("runs", 0, "log", 1, 0), 0, "runs.0.log.1.0", "in order of time"),
        (("runs", 0, "log", 1, 1), "run.exploded", "runs.0.log.1.1", "run.created"),
        (("runs", 0, "log", 1, 1), "run.created", "runs.0.log.1.1", "happens once"),
        (("runs", 0, "log", 1), [1, "run.started"], "runs.0.log.1", "Field required"),
        (("runs", 0, "log", 2, 2), 99, "runs.0.log.2.2", "counted from 0"),
        (("runs", 0, "log", 2, 2), None, "runs.0.log.2.2", "counted from 0"),
        (("runs", 0, "log", 2, 3), {}, "runs.0.log.2.3", "actionRunId"),
        (("runs", 0, "log", 2, 3, "actionRunId"), 5, "runs.0.log.2.3.actionRunId", "expected str"),
        (("runs", 0, "log", 2, 1), "step.approved", "runs.0.log", "cannot have happened"),
        (("runs", 1, "continues", "attempts"), [1], "runs.1.continues.attempts", "steps"),
        (
            ("runs", 1, "continues", "kept", "99"),
            {"result": None, "truncated": False},
            "runs.1.continues.kept",
            "steps",
        ),
        (("due", 0, 0), 5, "due.0.0", "before the clock"),
        (("due", 0, 1), 9, "due.0.1", "unknown run 9"),
        (("due", 0, 2), "explode", "due.0.2", "start"),
        (("due", 0, 2), "cancel", "due.0", "to a step"),
        (("due", 0, 3), 99, "due.0.2", "cannot happen"),
        (
            ("arrivals",),
            {"perMinute": 1, "nextAt": 0, "mix": [[0, 1]]},
            "arrivals.nextAt",
            "before",
        ),
        (
            ("arrivals",),
            {"perMinute": 1, "nextAt": 2**43, "mix": [[9, 1]]},
            "arrivals.mix.0.0",
            "9",
        ),
        (("faults",), {"added": 0, "asked": 0, "rules": [{}]}, "faults.rules.0.id", "required"),
    ],
)
def test_a_document_that_is_wrong_is_refused_where_it_is_wrong(
    path: tuple[str | int, ...], value: Any, loc: str, part: str
) -> None:
    """With the JSON path and what was expected."""
    data = document()
    run_to_end(restore(data, "test", FakeData(), ()))
    holder: Any = data
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(RequestValidationError) as rejection:
        run_to_end(restore(data, "test", FakeData(), ()))
    reported = {
        ".".join(error_detail.loc): error_detail.msg for error_detail in rejection.value.errors
    }
    assert any(where.startswith(loc) and part in msg for where, msg in reported.items()), reported


def test_what_is_due_cannot_be_there_twice() -> None:
    """A step ends once."""
    data = document()
    data["due"].insert(0, data["due"][0])
    with pytest.raises(RequestValidationError) as rejection:
        run_to_end(restore(data, "test", FakeData(), ()))
    assert rejection.value.errors[0].loc == ("due", "1")


def test_a_finished_run_has_no_step_at_work() -> None:
    """Its log would contradict itself, and a retry would meet a step it cannot reset."""
    data = document()
    data["due"] = [due for due in data["due"] if due[1] != 2]
    log = data["runs"][2]["log"]
    log.append([log[-1][0], "run.completed", None, {}])
    with pytest.raises(RequestValidationError, match="are running"):
        run_to_end(restore(data, "test", FakeData(), ()))


def test_a_world_too_large_to_be_read_back_is_not_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rejection says how large it would be and what to do."""
    monkeypatch.setattr("mock_server.worlds.snapshot.MAX_SIZE", 1_000)
    world = new_world()
    world.create(SCENARIOS["fan-out"])
    with pytest.raises(HttpError, match=r"the maximum is 1000 bytes\. Reset"):
        dump(world)


def test_a_world_may_go_on_while_it_is_written_down() -> None:
    """What is written is the world as it was when that began."""
    world = opened(Worlds(Settings(now=NOW, scale=0)), "demo")
    before = dump(world)
    work = write(world)
    next(work)
    world.create(SCENARIOS["diamond"])
    advance(world, DAY)
    assert run_to_end(work) == before
    assert dump(world) != before
