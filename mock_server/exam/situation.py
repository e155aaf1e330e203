"""A situation for a client: a world, the run that the client gets, faults, and reactions to what
the client sends.

Situations stand in the catalogue. A reaction happens between the response to one request and the
next request, so what a client meets does not depend on how quick it or the machine is.
"""

from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from mock_server import resources, yaml_model
from mock_server.engine.behaviour import Answers, Behaviour, from_answers
from mock_server.engine.duration import format_duration, parse_duration
from mock_server.engine.enums import Operation, RetryMode
from mock_server.engine.run import Run
from mock_server.engine.scenario import Scenario, read_all
from mock_server.errors import unknown_name
from mock_server.faults.rules import Rule
from mock_server.journal.exchange import Exchange
from mock_server.worlds.advance import advance_by
from mock_server.worlds.registry import Start, Worlds
from mock_server.worlds.world import World

NOW = 1_772_439_300_000
"""The time of a situation, 2026-03-02T08:15:00Z: the same ids and times in each exam."""


def _milliseconds(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write 250ms, 2s or 1.5m")
    return parse_duration(value)


Duration = Annotated[Any, BeforeValidator(_milliseconds)]
Operations = list[Annotated[Operation, Field(strict=False)]]


@cache
def _scenarios() -> dict[str, Scenario]:
    """Return the scenarios that come with the mock; those of its options may differ."""
    return read_all(resources.scenarios_dir())


class Change(yaml_model.Model):
    """What happens in a world: time passes, a run of a scenario is created, faults begin or end."""

    advance: Duration = 0
    create: str | None = None
    faults: list[Rule] = Field(default=[])

    @field_validator("create")
    @classmethod
    def _exists(cls, name: str | None) -> str | None:
        if name is not None and name not in _scenarios():
            raise ValueError(unknown_name("create", name, _scenarios()))
        return name

    def apply(self, world: World) -> Run | None:
        """Let it happen; return the run that was created."""
        run = None if self.create is None else world.create(_scenarios()[self.create])
        if self.advance:
            for _ in advance_by(world, self.advance):
                pass  # The world of a situation is small, so nothing else has to get a turn.
        if self.faults:
            world.faults.add(self.faults, world.engine.now)
        return run


class Reaction(Change):
    """A change after the response to a request has started.

    ``after`` are the operations, by default all, and ``status`` is the status code. It happens
    ``times`` times, first after the ``nth`` such response.
    """

    after: Operations = Field(default=[])
    status: int | None = None
    nth: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)

    def matches(self, exchange: Exchange) -> bool:
        """Return whether the exchange counts for it."""
        return (not self.after or exchange.operation in self.after) and (
            self.status is None or exchange.status == self.status
        )


class Situation(Change):
    """What a client meets. The run of ``create`` is the one that the client gets; ``runs`` is the
    number of other runs, all finished. With ``retry``, the run is retried and advanced again."""

    create: str | None = "quick-success"
    retry: bool = False
    runs: int = Field(default=0, ge=0, le=1_000)
    behaviour: Behaviour = Behaviour()
    reactions: list[Reaction] = Field(default=[])

    @field_validator("behaviour", mode="before")
    @classmethod
    def _answers(cls, value: Any) -> Behaviour:
        return from_answers(Answers.model_validate(value))

    async def prepare(self, worlds: Worlds, name: str) -> tuple[World, Run | None]:
        """Replace the world of that name by a new one; return it and the client's run.

        Raise HttpError (409) when the mock holds no further world.
        """
        start = Start(
            seed=1,
            now=NOW,
            start="empty",
            behaviour=self.behaviour,
            scale=0,
        )
        world = await worlds.reset(name, start)
        world.faults.clear()  # Those of the mock's options.
        for _ in range(self.runs):
            Change(create="quick-success", advance="1m").apply(world)
        run = self.apply(world)
        if self.retry and run is not None:
            world.retry(run, RetryMode.FROM_FAILED, None)
            Change(advance=format_duration(self.advance)).apply(world)
        return world, run


class Reactions:
    """The reactions of one situation, and how often each was matched."""

    def __init__(self, situation: Situation, world: World) -> None:
        self._counts = [(reaction, [0]) for reaction in situation.reactions]
        self._world = world

    def react(self, exchange: Exchange) -> None:
        """Let the changes happen that follow the exchange."""
        for reaction, count in self._counts:
            if reaction.matches(exchange):
                count[0] += 1
                if reaction.nth <= count[0] < reaction.nth + reaction.times:
                    reaction.apply(self._world)
