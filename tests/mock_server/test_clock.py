"""Time as a world has it, with the machine's clock in the test's hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.engine.clock import LATEST, Clock, from_text, to_text

NOON = 1_772_000_000_000


class Machine:
    """The machine's monotonic clock."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_real_clock_goes_with_the_machine(machine: Machine) -> None:
    """A real second is a second."""
    clock = Clock(NOON, real=machine)
    machine.seconds += 1.5
    assert clock.now() == NOON + 1_500


def test_a_scaled_clock_goes_faster(machine: Machine) -> None:
    """At scale 60 a real second is a minute; a change of scale moves no hand."""
    clock = Clock(NOON, 60, real=machine)
    machine.seconds += 2
    assert clock.now() == NOON + 120_000
    clock.rescale(1)
    assert clock.now() == NOON + 120_000
    machine.seconds += 1
    assert clock.now() == NOON + 121_000


def test_a_frozen_clock_stands_until_it_is_resumed(machine: Machine) -> None:
    """It goes on from where it stood, at the scale it had, real where it had none."""
    clock = Clock(NOON, 0, real=machine)
    machine.seconds += 100
    assert clock.now() == NOON
    assert clock.real_delay(NOON + 1_000) is None
    clock.resume()
    machine.seconds += 1
    assert clock.now() == NOON + 1_000


def test_advance_moves_a_clock_that_stands_and_one_that_goes(machine: Machine) -> None:
    """By exactly as much as was asked for."""
    clock = Clock(NOON, 1, real=machine)
    clock.advance(5_000)
    assert clock.now() == NOON + 5_000
    clock.freeze()
    clock.advance(5_000)
    assert clock.now() == NOON + 10_000


def test_no_time_passes_while_a_clock_is_held(machine: Machine) -> None:
    """It can be changed meanwhile, and held again; afterwards the time has passed."""
    clock = Clock(NOON, real=machine)
    machine.seconds += 1
    with clock.held():
        machine.seconds += 5
        assert clock.now() == NOON + 1_000
        with clock.held():
            clock.advance(60_000)
        machine.seconds += 5
        assert clock.now() == NOON + 61_000
        assert clock.held_for() == 10_000
    assert clock.held_for() == 0
    assert clock.now() == NOON + 71_000
    machine.seconds += 1
    assert clock.now() == NOON + 72_000


def test_a_clock_reports_how_long_it_will_take(machine: Machine) -> None:
    """In real seconds, for the timer that wakes the streams; nothing for what is past."""
    clock = Clock(NOON, 10, real=machine)
    assert clock.real_delay(NOON + 5_000) == 0.5
    assert clock.real_delay(NOON - 1) == 0


def test_a_clock_stops_at_the_last_date_it_can_write(machine: Machine) -> None:
    """However far it is advanced."""
    clock = Clock(LATEST - 1, 100_000, real=machine)
    clock.advance(10**15)
    machine.seconds += 10
    assert clock.now() == LATEST
    assert to_text(clock.now()) == "9000-01-01T00:00:00.000Z"


@settings(deadline=None)
@given(st.integers(0, LATEST))
def test_an_instant_survives_being_written(instant: int) -> None:
    """Text and instant say the same."""
    assert from_text(to_text(instant)) == instant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-02T08:15:00", "no zone"),
        ("1969-12-31T23:59:59Z", "outside"),
        ("9999-12-31T23:59:59Z", "outside"),
        ("yesterday", "Invalid isoformat"),
    ],
)
def test_what_is_not_a_instant_is_refused(text: str, reason: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=reason):
        from_text(text)


def test_a_zone_is_understood() -> None:
    """The same instant, said in two zones."""
    assert from_text("2026-03-02T10:15:00+02:00") == from_text("2026-03-02T08:15:00Z")
