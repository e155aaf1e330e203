"""A snapshot and the commands since give the world again, to the byte."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_mock import WORLD, Command, FakeStore, StoredMock

from mock_server import resources
from mock_server.engine.behaviour import Behaviour, StateConflict
from mock_server.engine.enums import FINISHED
from mock_server.errors import HttpError
from mock_server.exam.sitting import Sittings
from mock_server.openapi_document import OpenApiDocument
from mock_server.store import kept_world, record
from mock_server.store.command import COMMANDS, REPLACING

NAMES = ["quick-success", "diamond", "flaky", "failure-in-the-middle", "approval", "long-haul"]

runs = st.integers(0, 5).map(lambda number: {"run_id": number})
creations = st.sampled_from(NAMES).map(lambda name: {"scenario": name})
changed = st.just(
    {"scenario": "diamond", "changes": {"by-region": {"outcome": "fails", "takes": "2s"}}}
)
rules = st.sampled_from(
    [
        {"status": {"code": 503}, "count": 2},
        {"rateLimit": {"limit": 3}, "lasts": "5s"},
        {"latency": {"takes": "1ms"}, "probability": 0.5},
        {"nothing": {}},
    ]
)


NOTHING: st.SearchStrategy[dict[str, Any]] = st.just({})


def command(operation: str, path: Any = NOTHING, body: Any = NOTHING) -> st.SearchStrategy[Command]:
    return st.tuples(st.just(operation), path, body)


seconds = st.sampled_from([0.001, 0.5, 2, 30, 3_600]).map(lambda number: {"seconds": number})
commands = st.one_of(
    command("createRun", body=creations),
    command("createRun", body=creations),
    command("createRun", body=changed),
    command("cancelRun", runs),
    command("retryRun", runs, st.sampled_from([{"mode": "full"}, {"mode": "from_failed"}])),
    command("decideRun", runs, st.booleans().map(lambda yes: {"approved": yes})),
    command("endRun", runs, st.sampled_from(sorted(FINISHED)).map(lambda one: {"outcome": one})),
    command("advanceClock", body=seconds),
    command("advanceClock", body=st.just({"toNext": True})),
    command("setArrivals", body=st.just({"perMinute": 30.0})),
    command("setArrivals", body=st.just({"perMinute": 60, "scenarios": {"flaky": 2}})),
    command("stopArrivals"),
    command(
        "setBehaviour",
        body=st.sampled_from(["default", "cooperative"]).map(lambda b: {"behaviour": b}),
    ),
    command("addFault", body=rules),
    command("removeFault", st.integers(1, 3).map(lambda number: {"faultId": number})),
    command("applyFaultPreset", st.sampled_from(["slow", "unknown"]).map(lambda p: {"preset": p})),
    command("clearFaults"),
    command("resumeClock"),
    command("scaleClock", body=st.sampled_from([{"scale": 1.0}, {"scale": 3.0}])),
    command("freezeClock"),
)
FREEZE: Command = ("freezeClock", {}, {})


@settings(max_examples=15, deadline=None)
@given(st.lists(commands, max_size=12), st.integers(0, 12))
def test_any_sequence_of_commands_gives_the_same_world_again(
    sequence: list[Command], restart: int
) -> None:
    """Also when the clock runs between them, and with a restart anywhere."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do_all([*sequence[:restart], FREEZE])
        first = await mock.export()
        mock = StoredMock(store)
        assert await mock.export() == first
        await mock.do_all([*sequence[restart:], FREEZE])
        live = await mock.export()
        assert await StoredMock(store).export() == live

    asyncio.run(check())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "before", "after"]), commands), max_size=10))
def test_resets_that_fail_lose_nothing_of_any_sequence(
    sequence: list[tuple[str, Command]],
) -> None:
    """Whether the snapshot of the new world was written or not."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.open()
        for fails, one in sequence:
            if fails:
                await mock.fail_to_reset(store, fails)
            await mock.do_all([one])
        await mock.do_all([FREEZE])
        live = await mock.export()
        assert await StoredMock(store).export() == live

    asyncio.run(check())


SEQUENCE: list[Command] = [
    ("createRun", {}, {"scenario": "failure-in-the-middle"}),
    ("addFault", {}, {"status": {"code": 503}, "count": 2}),
    ("advanceClock", {}, {"seconds": 3_600}),
    ("retryRun", {"run_id": 0}, {"mode": "full"}),
    ("cancelRun", {"run_id": 0}, {}),
    ("createRun", {}, {"scenario": "approval"}),
    ("setArrivals", {}, {"perMinute": 60}),
    ("advanceClock", {}, {"seconds": 90}),
    ("decideRun", {"run_id": 1}, {"approved": True}),
    ("scaleClock", {}, {"scale": 60.0}),
]


def test_a_snapshot_at_any_command_and_the_rest_of_the_log_give_the_same_world() -> None:
    """Whichever command a snapshot is taken after, also while later commands are carried out."""

    async def check() -> None:
        whole = FakeStore()
        mock = StoredMock(whole)
        exports = [await mock.export()]
        for number, one in enumerate(SEQUENCE, 1):
            await mock.do_all([one])
            exports.append(await mock.export())
            assert len(whole.saved[WORLD].logs[-1]) == number
        assert len(set(exports)) == len(SEQUENCE) + 1
        for cut, expected in enumerate(exports):
            store = whole.cut(cut)
            mock = StoredMock(store)
            assert await mock.export() == expected
            await mock.keeper._snapshots.begin(mock.keeper._kept[WORLD], await mock.open())
            await mock.do_all(SEQUENCE[cut:])
            await mock.compacted()
            assert (store.snapshots, await mock.export()) == (1, exports[-1])
            assert await StoredMock(store).export() == exports[-1]

    asyncio.run(check())


def test_a_log_that_outgrows_its_snapshot_is_replaced_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the store fails meanwhile, the log is kept, and another snapshot is taken later."""
    monkeypatch.setattr(kept_world, "_SMALL_LOG", 1_000)

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        for _ in range(30):
            await mock.do(*SEQUENCE[0])
            await mock.compacted()
        assert 2 < store.snapshots < 10
        assert sum(map(len, store.saved[WORLD].logs)) < 20
        assert await StoredMock(store).export() == await mock.export()

    asyncio.run(check())


def test_the_counters_of_faults_are_stored_with_the_next_command_or_tick() -> None:
    """A rule that has applied twice is over after a restart, too."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do("addFault", {}, {"status": {"code": 503}, "count": 2})
        world = await mock.open()
        [rule] = world.faults
        rule.applied = rule.matched = rule.remaining = 1
        await mock.keeper.tick()
        mock = StoredMock(store)
        [rule] = (await mock.open()).faults
        assert (rule.applied, rule.matched, rule.remaining) == (1, 1, 1)
        rule.applied = rule.matched = 2
        rule.remaining = 0
        await mock.do(*SEQUENCE[0])
        live = await mock.export()
        assert await StoredMock(store).export() == live
        assert b'"added":1,"asked":0,"rules":[]' in live

    asyncio.run(check())


def test_time_passes_while_the_mock_is_not_running() -> None:
    """On a running clock at its scale, on a frozen one not at all; and a clock never goes back
    before the last change, also if the machine's does."""

    async def restarted(scale: float, passed: int) -> tuple[int, int]:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do("resumeClock" if scale else "freezeClock", {}, {})
        await mock.do("scaleClock", {}, {"scale": scale or 1.0})
        changed_at = record.decode(store.saved[WORLD].logs[-1][-1], "")["at"]
        store.age(passed)
        world = await StoredMock(store).open()
        return changed_at, world.clock.now()

    for scale, passed, minimum in ((1.0, 60_000, 60_000), (10, 60_000, 600_000), (1, -5_000, 0)):
        before, after = asyncio.run(restarted(scale, passed))
        assert minimum <= after - before < minimum + 60_000 * scale
    before, after = asyncio.run(restarted(0, 60_000))
    assert before == after


def test_a_scenario_is_stored_with_the_commands_that_use_it() -> None:
    """Once for each log; its file may be different when the command is repeated."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        await mock.do_all([SEQUENCE[0]] * 3)
        [log] = [log for log in store.saved[WORLD].logs if log]
        assert [b"defines" in one for one in log] == [True, False, False]
        live = await mock.export()
        scenarios = mock.worlds.scenarios
        mock.worlds.scenarios = scenarios | {"failure-in-the-middle": scenarios["diamond"]}
        try:
            assert await StoredMock(store).export() == live
        finally:
            mock.worlds.scenarios = scenarios

    asyncio.run(check())


def test_a_call_that_names_something_unknown_is_not_stored() -> None:
    """It changes nothing, so nothing has to be repeated."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        unknown: list[Command] = [
            ("createRun", {}, {"scenario": "unknown"}),
            ("cancelRun", {"run_id": "unknown"}, {}),
            ("applyFaultPreset", {"preset": "unknown"}, {}),
            ("setBehaviour", {}, {"behaviour": "unknown"}),
            ("setArrivals", {}, {"perMinute": 1, "scenarios": {"unknown": 1}}),
        ]
        for operation, path, body in unknown:
            with pytest.raises(HttpError, match=r"unknown|have this run|not found"):
                await mock.do(operation, path, body)
        assert store.saved[WORLD].logs == [[]]
        with pytest.raises(HttpError):
            await mock.do("removeFault", {"faultId": 2**70}, {})
        assert await StoredMock(store).export() == await mock.export()

    asyncio.run(check())


def test_a_behaviour_that_is_reloaded_is_a_command_too() -> None:
    """Its file may be different after a restart."""

    async def check() -> None:
        store = FakeStore()
        mock = StoredMock(store)
        behaviour = Behaviour(cancel_of_finished=StateConflict.BAD_REQUEST)
        mock.keeper.set_behaviour(await mock.open(), behaviour)
        await asyncio.wait(mock.keeper._tasks)
        assert (await mock.open()).behaviour == behaviour
        assert (await StoredMock(store).open()).behaviour == behaviour

    asyncio.run(check())


def test_a_mock_with_many_restarts_has_few_logs() -> None:
    """Each restart begins one, until a snapshot replaces them."""

    async def check() -> None:
        store = FakeStore()
        for _ in range(12):
            mock = StoredMock(store)
            await mock.do(*SEQUENCE[0])
            await mock.compacted()
        assert store.snapshots == 2
        assert len(list((await StoredMock(store).open()).runs())) == 12

    asyncio.run(check())


def test_every_operation_that_changes_a_world_is_recorded() -> None:
    """All that are not GET, except those that change what is not stored, and long polls."""
    unrecorded = {
        "signIn", "signOut", "waitForRun", "makeRepro", "openRepro", "openFailure",
        "clearRequests", "verifyRequests", "clearCoverage",
        # A mock that stores its worlds starts no sitting.
        "startSitting", "finishSitting", "reportShown", "renewCredential",
    }  # fmt: skip
    documents = (resources.contract_file(), resources.control_file())
    changing = {
        operation["operationId"]
        for document in documents
        for item in OpenApiDocument(document).content["paths"].values()
        for method, operation in item.items()
        if method in {"post", "put", "patch", "delete"}
    }
    assert changing - unrecorded == COMMANDS | REPLACING
    assert unrecorded <= changing


def test_a_mock_that_stores_its_worlds_starts_no_sitting() -> None:
    """The changes of a situation are not commands, and would be missing after a restart."""
    mock = StoredMock(FakeStore())
    with pytest.raises(HttpError, match="without --store") as error:
        asyncio.run(Sittings(mock.worlds).start("STREAM-01", "test-exam"))
    assert error.value.status == 409
    assert "test-exam" not in mock.worlds
