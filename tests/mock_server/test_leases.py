"""Leases in simulated time: whatever happens, a world has one owner at a time, nothing that was
shown is lost, its clock never goes back, and events come as if nothing had happened."""

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("redis")

from lease_simulation import History, Troubles, simulated

from mock_server.store.server_clock import ServerClock

Run = Callable[[int, Troubles, float], History]

TROUBLES = {
    "usual": Troubles(),
    "clocks that go at other rates": Troubles(rates=(0.7, 1.4)),
    "a server that forgets": Troubles(forgets=True),
}


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with simulated() as run:
        yield run


@pytest.mark.parametrize("troubles", TROUBLES.values(), ids=TROUBLES)
def test_a_world_has_one_owner_and_keeps_what_was_shown(run: Run, troubles: Troubles) -> None:
    found = [run(seed, troubles, 20.0) for seed in range(12)]
    assert sum(one.shown for one in found) > 300
    assert max(len(one.owners) for one in found) > 1
    assert sum(len(one.acknowledged) for one in found) > 100


def test_a_command_of_a_world_whose_time_is_held_is_stored_with_the_instant_of_the_hold(
    run: Run,
) -> None:
    """The time that passed meanwhile has passed as soon as it is let go, and is shown."""
    assert len(run(1582, Troubles(), 20.0).owners) > 1


@pytest.mark.extended
@pytest.mark.parametrize("troubles", TROUBLES.values(), ids=TROUBLES)
def test_thousands_of_schedules(run: Run, troubles: Troubles) -> None:
    for seed in range(1_000, 3_000):
        run(seed, troubles, 20.0)


@pytest.mark.parametrize(
    ("place", "wrong", "found", "first"),
    [
        ("mock_server.store.lease.Lease.is_certain", lambda *_: True, "own the world", 10),
        ("mock_server.store.lease.MARGIN", -3.0, "own the world", 10),
        ("mock_server.store.server_clock.ServerClock.heard", lambda *_: None, "gone back", 0),
        ("mock_server.store.lease.Lease.doubt", lambda _: None, "lost what was shown", 44),
        ("mock_server.store.kept_world.KeptWorld.hold", lambda *_: None, "lost what was shown", 80),
    ],
    ids=["certainty", "margin", "time", "doubt", "hold"],
)
def test_the_simulation_finds_mistakes(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str, wrong: object, found: str, first: int
) -> None:
    monkeypatch.setattr(place, wrong)

    def schedules() -> None:
        for seed in range(first, first + 300):
            run(seed, Troubles(), 20.0)

    with pytest.raises(AssertionError, match=found):
        schedules()


def test_the_time_of_a_server_is_between_two_bounds() -> None:
    """However late the response was, and however long ago."""
    clock, offset = ServerClock(), 5_000_000
    clock.heard(sent=10.0, received=10.8, stated=int(offset + 10.3 * 1_000))
    for now in (10.8, 11.0, 60.0):
        assert clock.earliest(now) <= offset + now * 1_000 <= clock.latest(now)
    assert clock.latest(10.8) - clock.earliest(10.8) <= 803
