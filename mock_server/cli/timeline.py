"""A scenario, played on a frozen clock and written down: what happens when, to read or to compare.

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
    """One step of a timeline: when it was at work, in milliseconds since the run was created; no
    ``end`` for one that goes on, no ``start`` for one that never began."""

    key: str
    start: int | None
    end: int | None
    last: EventType | None


def play(scenario: Scenario, seed: int = 1) -> list[Event]:
    """Everything that happens by itself to a run of ``scenario`` within a day; instants count from
    its creation."""
    world = World("timeline", seed, Clock(0, scale=0), Behaviour(), FakeData())
    run = world.create(scenario)
    run_to_end(world.change_clock(lambda clock: clock.advance(DAY)))
    return run.log


def lines(scenario: Scenario, log: list[Event]) -> list[str]:
    """The events one by one: seconds since creation, what, to which step."""
    written = []
    for event in log:
        key = "" if event.step is None else scenario.plans[event.step].key
        written.append(f"{event.at / SECOND:9.3f}  {event.type:<22} {key}".rstrip())
    return written


def bars(scenario: Scenario, log: list[Event]) -> list[Bar]:
    """When each step was at work."""
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
    """The steps as bars over time, ``width`` characters wide."""
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
