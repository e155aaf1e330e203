"""The events of a run as a stream sends them: each with the run and the step as of that event.

A state that has passed is shown by folding the log again, so an event is rendered once and the
bytes are shared: the subscribers of a run read from one ``SharedReplay``. It keeps the newest
events only; a subscriber that reads older ones folds the log for itself until it has caught up.
"""

from collections import deque
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from mock_server.engine.behaviour import Framing, RunningDuration
from mock_server.engine.enums import EventType, StepStatus
from mock_server.engine.run import Run
from mock_server.engine.run_state import Event, RunState
from mock_server.journal.coverage import RunValues, run_values
from mock_server.worlds import serialize
from mock_server.worlds.world import EVENT_BATCH, World


class RenderedEvent(NamedTuple):
    """The bytes of one event, and the enum values in it."""

    data: bytes
    type: EventType
    run: RunValues
    step: StepStatus | None


class Replay:
    """A fold of a run's log that renders the events after ``position``."""

    __slots__ = ("_folded", "_log", "_run", "_state", "_world", "position")

    def __init__(self, world: World, run: Run, position: int) -> None:
        self._world = world
        self._run = run
        self._state = RunState(run.state.identity)
        self._folded = 0
        self._log: list[Event] = []
        self.position = position

    def read(self) -> list[RenderedEvent]:
        """Fold the next events, at most a few hundred; return those after the position."""
        behaviour = self._world.behaviour
        grows = behaviour.running_duration is RunningDuration.GROWS
        full = behaviour.framing is Framing.FULL
        style = self._world.style()
        state = self._state
        if len(self._log) <= self._folded:
            self._log = self._run.log
        events = self._log[self._folded : self._folded + EVENT_BATCH]
        self._folded += len(events)
        if self._folded == self._run.event_count:
            self._log = []  # The run may be packed, or go on in another list.
        rendered = []
        for event in events:
            state.apply(event)
            if event.seq > self.position:
                if grows:
                    style = replace(style, until=event.at)
                data = serialize.event_bytes(event, state, style, full=full)
                step = None if event.step is None else state.steps[event.step].status
                rendered.append(RenderedEvent(data, event.type, run_values(state), step))
        self.position = max(self.position, self._folded)
        return rendered

    @property
    def folded(self) -> int:
        """The number of events that were folded."""
        return self._folded


class SharedReplay:
    """The newest rendered events of one run, for all its subscribers."""

    __slots__ = ("_events", "_replay")

    def __init__(self, world: World, run: Run, position: int) -> None:
        self._replay = Replay(world, run, position)
        self._events: deque[RenderedEvent] = deque(maxlen=EVENT_BATCH)

    def read(self, position: int) -> list[RenderedEvent] | None:
        """Return events after ``position``, at most a few hundred; none where they come later.

        Return None where the next one is not kept.
        """
        end = self._replay.position
        if position == end:
            self._events.extend(self._replay.read())
            end = self._replay.position
        oldest = end - len(self._events)
        if not oldest <= position <= end:
            return None
        return list(islice(self._events, position - oldest, None))


class EventCursor:
    """Reads the events of a run after ``position``, from the shared replay where it has them."""

    __slots__ = ("_own", "_run", "_world", "position")

    def __init__(self, world: World, run: Run, position: int) -> None:
        self._world = world
        self._run = run
        self._own: Replay | None = None
        self.position = position

    @property
    def at_end(self) -> bool:
        """Whether every event was read."""
        return self.position >= self._run.event_count

    def read(self) -> list[bytes]:
        """Return the bytes of the next events, at most a few hundred."""
        events = self._read()
        coverage = self._world.journal.coverage
        for event in events:
            coverage.record_event(event.type, event.run, event.step)
        self.position += len(events)
        return [event.data for event in events]

    def _read(self) -> list[RenderedEvent]:
        if self.at_end:
            return []
        shared = self._world.replays.get(self._run.id)
        if shared is None:
            shared = self._world.replays[self._run.id] = SharedReplay(
                self._world, self._run, self.position
            )
        events = shared.read(self.position)
        if events is not None:
            self._own = None
            return events
        if self._own is None:
            self._own = Replay(self._world, self._run, self.position)
        return self._own.read()
