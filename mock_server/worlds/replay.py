"""A run's story told from its beginning: the frames of its event stream."""

from dataclasses import replace

from mock_server.engine.behaviour import Framing, RunningDuration
from mock_server.engine.run import Run
from mock_server.engine.run_state import RunState
from mock_server.worlds import serialize
from mock_server.worlds.world import EVENT_BATCH, World


class Replay:
    """The frames of one run's event stream, each with the run and step as of its event.

    Folds the log behind a reader's back, so that a state that has gone by can still be shown.
    """

    def __init__(self, world: World, run: Run) -> None:
        self._world = world
        self._run = run
        self._state = RunState(run.state.identity)
        self._seen = 0

    @property
    def at_end(self) -> bool:
        """Whether every event has been shown."""
        return self._seen == len(self._run.log)

    def frames(self, after: int) -> list[bytes]:
        """The frames of the next events since the last call, a few hundred at the most, whose
        ``seq`` is above ``after``."""
        found = []
        behaviour = self._world.behaviour
        grows = behaviour.running_duration is RunningDuration.GROWS
        full = behaviour.framing is Framing.FULL
        coverage = self._world.journal.coverage
        events = self._run.log[self._seen : self._seen + EVENT_BATCH]
        for event in events:
            self._state.apply(event)
            if event.seq > after:
                coverage.record_event(event, self._state)
                style = self._world.style()
                if grows:
                    style = replace(style, until=event.at)
                found.append(serialize.frame(event, self._state, style, full=full))
        self._seen += len(events)
        return found
