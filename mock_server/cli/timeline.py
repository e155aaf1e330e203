"""The events of a scenario on a frozen clock, as text to read or to compare.

::

      0.000  run.created
      1.000  run.started
      1.000  step.started      fetch
      3.000  step.completed    fetch
"""

from dataclasses import dataclass

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import DAY, SECOND, Clock
from mock_server.engine.enums import EventType
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run_state import Event
from mock_server.engine.scenario import Scenario
from mock_server.worlds.cooperative import run_to_end
from mock_server.worlds.world import World

_ENDS = {
    EventType.STEP_COMPLETED: "█",
    EventType.STEP_FAILED: "▓",
    EventType.STEP_CANCELLED: "░",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: its ``start`` and ``end`` in milliseconds since the run was created; None where it
    has none."""

    key: str
    start: int | None
    end: int | None
    last: EventType | None


def play(scenario: Scenario, seed: int = 1) -> list[Event]:
    """Return the events of a run of ``scenario`` within a day; instants count from its creation."""
    world = World("timeline", seed, Clock(0, scale=0), Behaviour(), FakeData())
    run = world.create(scenario)
    run_to_end(world.change_clock(lambda clock: clock.advance(DAY)))
    return run.log


def lines(scenario: Scenario, log: list[Event]) -> list[str]:
    """Return a line for each event: seconds since creation, type, step."""
    rendered = []
    for event in log:
        key = "" if event.step is None else scenario.plans[event.step].key
        rendered.append(f"{event.at / SECOND:9.3f}  {event.type:<22} {key}".rstrip())
    return rendered


def bars(scenario: Scenario, log: list[Event]) -> list[Bar]:
    """Return the time of each step."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    last: dict[int, EventType] = {}
    for event in log:
        if event.step is None:
            continue
        last[event.step] = event.type
        if event.type in (EventType.STEP_STARTED, EventType.STEP_AWAITING_APPROVAL):
            starts[event.step] = event.at
        elif event.type in _ENDS:
            ends[event.step] = event.at
    return [
        Bar(plan.key, starts.get(index), ends.get(index), last.get(index))
        for index, plan in enumerate(scenario.plans)
    ]


def picture(scenario: Scenario, log: list[Event], width: int = 60) -> list[str]:
    """Return the steps as bars over time, ``width`` characters wide."""
    longest = max((event.at for event in log), default=0)
    scale = width / max(longest, 1)
    found = bars(scenario, log)
    label = min(max((len(bar.key) for bar in found), default=0), 24)
    drawn = []
    for bar in found:
        if bar.start is None:
            row = f"{' ' * width}  {'never starts' if bar.last is None else bar.last[5:]}"
        else:
            begin = min(int(bar.start * scale), width - 1)
            open_ended = bar.end is None
            end = width if open_ended else max(int((bar.end or 0) * scale), begin + 1)
            mark = "▒" if open_ended else _ENDS.get(bar.last or EventType.STEP_COMPLETED, "█")
            note = "goes on" if open_ended else "" if mark == "█" else "fails"
            row = f"{' ' * begin}{mark * (end - begin)}{' ' * (width - end)}  {note}"
        drawn.append(f"{bar.key[:label]:<{label}}  {row}".rstrip())
    return drawn
