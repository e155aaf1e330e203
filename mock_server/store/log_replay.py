"""A world from its records: the snapshot is restored, and each command is carried out again.

The functions of the operations do it, at the instant at which they did it first, so the world is
the same to the byte.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from mock_server.engine.clock import LATEST, Clock
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario, ScenarioFile, build
from mock_server.errors import HttpError, RequestValidationError
from mock_server.faults.active_rules import FaultsFile
from mock_server.faults.rules import Preset
from mock_server.http.call import Call, DeferredResponse, Handler
from mock_server.journal.exchange import Exchange
from mock_server.public_address import DIRECT
from mock_server.store import integrity, record
from mock_server.store.command import MARK
from mock_server.store.store import DamagedError, Saved, Store, header
from mock_server.worlds import snapshot
from mock_server.worlds.cooperative import Work, WorkRunner
from mock_server.worlds.document import STORED
from mock_server.worlds.registry import Worlds
from mock_server.worlds.restore import restore
from mock_server.worlds.world import World

log = logging.getLogger("mock_server")


def write(world: World, wall: int) -> Work[list[bytes]]:
    """Return the records of a snapshot of ``world`` as it is when this is called; ``wall`` is the
    time of the store."""
    head = header(
        world=world.name,
        at=world.clock.now(),
        wall=wall,
        frozen=world.clock.frozen,
        scale=float(world.clock.scale),
        runs=len(world),
        events=world.engine.event_count,
    )
    rendering = snapshot.parts(world, None, STORED)

    def frame() -> Work[list[bytes]]:
        document = yield from rendering
        records = [record.encode(head), record.frame(document.head)]
        for run in document.runs:
            records.append(record.frame(run))
            yield
        records.append(record.frame(document.due))
        return records

    return frame()


async def read(
    saved: Saved,
    name: str,
    handlers: Mapping[str, Handler],
    runner: WorkRunner,
    fake: FakeData,
    store: Store,
) -> tuple[World, Json]:
    """Return the world in ``saved``, with its clock as late as if it had gone on meanwhile, or a
    moment later, and the first record of its snapshot. ``store`` has the time.

    Raise DamagedError.
    """
    world, head = await runner.run(_restore(saved, name, fake))
    clock = world.clock
    with clock.held():
        now = store.latest()
        clock.set_to(head["at"])
        at, since = head["at"], head["wall"]
        for file, records in zip(saved.names, saved.logs, strict=True):
            repeater = _Replay(world, handlers, runner)
            for line, one in enumerate(records, saved.first):
                found = record.decode(one, f"{file}:{line}")
                since = found["wall"]
                if found["do"] == MARK:
                    at = found["at"]
                    world.faults.restore(FaultsFile.model_validate(found["faults"]))
                    continue
                clock.set_to(found["at"])
                await runner.run(_catch_up(world, found["at"]))
                try:
                    await repeater.repeat(found)
                except (LookupError, TypeError, ValueError) as error:
                    place = f"{file}:{line}"
                    raise DamagedError(f"{place} cannot be repeated: {error!r}") from error
                at = clock.now()
        clock.set_to(resumed(clock, at, since, now))
    return world, head


def resumed(clock: Clock, at: int, since: int, now: int) -> int:
    """Return the instant from which ``clock`` goes on that stood at ``at`` at ``since``.

    ``since`` is not after, and ``now`` not before the real time, so nothing that was shown in the
    meantime is later.
    """
    return at if clock.frozen else min(at + int(max(now - since, 0) * clock.scale), LATEST)


class _Replay:
    """Repeats the commands of one log; in place of the mock's worlds, it has what they name."""

    def __init__(self, world: World, handlers: Mapping[str, Handler], runner: WorkRunner) -> None:
        self._world = world
        self._handlers = handlers
        self._table: list[Scenario] = []
        self.runner = runner
        self.scenarios: dict[str, Scenario] = {}
        self.presets: dict[str, Preset] = {}

    async def repeat(self, command: Json) -> None:
        """Carry out ``command``."""
        for one in command.get("defines", ()):
            source = ScenarioFile.model_validate(one["plays"])
            self._table.append(build(one["name"], source, Path("store"), {}))
        self.scenarios = {name: self._table[i] for name, i in command.get("uses", {}).items()}
        call = Call(cast(Worlds, self), self._world.name, exchange())
        call.world = self._world
        call.parameters, call.body = command.get("path", {}), command.get("body", {})
        if "preset" in command:
            self.presets = {call.parameters["preset"]: Preset.model_validate(command["preset"])}
        try:
            response = self._handlers[command["do"]](call)
            if isinstance(response, DeferredResponse):
                await response.complete()
        except (HttpError, RequestValidationError):
            if self.runner.closed:  # The mock stops, so this need not be what happened before.
                raise
        except Exception:
            log.exception("%s: the command %s failed", self._world.name, command["do"])

    @asynccontextmanager
    async def exclusive(self, _: str) -> AsyncIterator[World]:
        """Yield the world, which nothing else can reach."""
        yield self._world


def exchange() -> Exchange:
    """Return as much of an exchange as the functions of commands use."""
    return cast(Exchange, SimpleNamespace(question=None, public=DIRECT))


def _catch_up(world: World, instant: int) -> Work[None]:
    while not world.catch_up_to(instant):
        yield


def _restore(saved: Saved, name: str, fake: FakeData) -> Work[tuple[World, Json]]:
    head = integrity.head_of(saved)
    place, records = saved.place, saved.snapshot
    document: Json = record.decode(records[1], f"{place}:2")
    runs = document["runs"] = []
    for line, one in enumerate(records[2:-1], 3):
        runs.append(record.decode(one, f"{place}:{line}"))
        yield
    document["due"] = record.decode(records[-1], f"{place}:{len(records)}")
    try:
        world = yield from restore(document, name, fake, (), STORED)
    except RequestValidationError as error:
        first = error.errors[0]
        raise DamagedError(f"{place}: {'.'.join(first.loc)}: {first.msg}") from None
    return world, head
