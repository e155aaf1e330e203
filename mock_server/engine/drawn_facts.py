"""The facts of events that a run draws: the ids of action runs and decisions, and results.

A draw depends on the event's place in the log alone, so it can wait until the event is read: most
runs of a long past never are.
"""

from mock_server.engine.enums import EventType
from mock_server.engine.fake_data import FakeData
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario

UNDRAWN: Json = {"actionRunId": None, "decisionId": None, "result": None, "truncated": False}
"""Stands for facts that are drawn later: the object itself, not an equal one."""


class DrawnFacts:
    """The facts of one run."""

    __slots__ = ("_fake_data", "_rng", "_scenario")

    def __init__(self, rng: SeededRandom, scenario: Scenario, fake_data: FakeData) -> None:
        self._rng = rng
        self._scenario = scenario
        self._fake_data = fake_data

    def complete(self, facts: Json | None, seq: int, type_: EventType, step: int) -> Json:
        """Return the facts of the event ``seq``, drawn if they are None."""
        return self.draw(seq, type_, step) if facts is None else facts

    def draw(self, seq: int, type_: EventType, step: int) -> Json:
        """Return the facts of the event ``seq`` of the run."""
        before = seq - 1
        if type_ is EventType.STEP_COMPLETED:
            script = self._scenario.scripts[step]
            result = self._fake_data.fill(script.result, self._rng, before, "result", step)
            return {"result": result, "truncated": script.truncated}
        name = "decisionId" if type_ is EventType.STEP_AWAITING_APPROVAL else "actionRunId"
        return {name: self._rng.uuid(before, "id", step)}
