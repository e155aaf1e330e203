"""The worlds of one mock: which there are, how one is opened, and how many there may be.

A credential names a tenant, and a tenant is a world: ``acme`` and ``acme:alice`` are two users of
the world ``acme``. Some worlds are declared; any name that begins with ``test-`` opens a fresh one,
so that tests that run side by side keep out of each other's way by choosing a name. The mock holds
a bounded number of them: the one of a ``test-`` name that was idle longest goes first.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from weakref import WeakValueDictionary

from mock_server import resources
from mock_server.engine import scenario
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import Clock, wall
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario
from mock_server.errors import HttpError, UsageError
from mock_server.faults import rules
from mock_server.faults.rules import Preset
from mock_server.http.middleware.control_access import Access
from mock_server.worlds import seed_data
from mock_server.worlds.advance import catch_up_completely
from mock_server.worlds.cooperative import Work, WorkRunner
from mock_server.worlds.restore import restore
from mock_server.worlds.seed_data import WorldFile
from mock_server.worlds.world import World

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
TEST_PREFIX = "test-"
MAX_STREAMS = 20_000


@dataclass(frozen=True)
class Settings:
    """What the mock is started with. ``now`` is an instant, None for the machine's time of day;
    ``scale`` how many world seconds pass in a real one, 0 for frozen; ``scenarios`` a directory
    with more of them; ``access`` who may drive it."""

    seed: int = 1
    scale: float = 1.0
    now: int | None = None
    start: str = "demo"
    declared: tuple[str, ...] = ("demo", "acme", "globex")
    max_worlds: int = 256
    max_streams: int = MAX_STREAMS
    scenarios: Path | None = None
    starts: Path = field(default_factory=resources.worlds_dir)
    behaviour: Behaviour = field(default_factory=Behaviour)
    faults: Path = field(default_factory=resources.faults_dir)
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Start:
    """What a fresh world begins with; what is None is as the mock was started with, or as the
    world's name says. ``uses_scenario`` names one of the ``starts``; ``runs`` past runs and ``live``
    under way overrule it. ``now`` is an instant."""

    seed: int | None = None
    now: int | None = None
    uses_scenario: str | None = None
    behaviour: Behaviour | None = None
    runs: int | None = None
    live: int | None = None
    scale: float | None = None


DEFAULT_START = Start()


class Worlds:
    """Every open world by name. Raises UsageError when the settings cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.scenarios: dict[str, Scenario] = scenario.known(settings.scenarios)
        self.starts: dict[str, WorldFile] = {
            path.stem: seed_data.read(path, self.scenarios)
            for path in sorted(settings.starts.glob("*.yaml"))
        }
        if settings.start not in self.starts:
            there = ", ".join(self.starts)
            raise UsageError(
                f"there is no world {settings.start!r} to start with; there are: {there}"
            )
        self.presets: dict[str, Preset] = rules.presets(settings.faults)
        self._words = FakeData()
        # In order of use as far as test worlds go: the one idle longest comes first.
        self._open: dict[str, World] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._disposals: set[asyncio.Task[None]] = set()
        self.runner = WorkRunner()

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def allows(self, name: str) -> bool:
        """Whether there is, or could be, a world of that name."""
        return name in self.settings.declared or (
            name.startswith(TEST_PREFIX) and NAME.fullmatch(name) is not None
        )

    def current(self, name: str) -> World | None:
        """The world of that name, caught up to its now; None where that takes a while: see
        ``open``."""
        world = self._open.get(name)
        if world is None or not world.catch_up():
            return None
        self._touch(name)
        return world

    async def open(self, name: str) -> World:
        """The world of that name, opened if need be, caught up to its now. The name must be one it
        ``allows``. Raises HttpError: 409 when there is no room, 503 when it is far behind."""
        while True:
            world = self._open.get(name)
            if world is None:
                async with self._lock_of(name):
                    if name not in self._open:
                        self._replace(await self.runner.do(self._fresh(name)))
            else:
                await self.runner.do(catch_up_completely(world))
                if not world.closed:
                    self._touch(name)
                    return world

    @asynccontextmanager
    async def exclusive(self, name: str) -> AsyncIterator[World]:
        """The world of that name, for work that takes a while: such is done to it one by one.
        Raises HttpError, as ``open`` does."""
        while True:
            world = await self.open(name)
            async with self._lock_of(name):
                if not world.closed:
                    yield world
                    return

    def _lock_of(self, name: str) -> asyncio.Lock:
        """Held while large work is done to the world of that name."""
        return self._locks.setdefault(name, asyncio.Lock())

    def get(self, name: str) -> World | None:
        """The world of that name, if it is open."""
        return self._open.get(name)

    def run_exists(self, run_id: str) -> bool:
        """Whether any open world has that run."""
        return any(world.find(run_id) is not None for world in self._open.values())

    async def reset(self, name: str, start: Start = DEFAULT_START) -> World:
        """A fresh world of that name in place of the old one, which is there until it is ready.
        Raises HttpError (409)."""
        async with self._lock_of(name):
            world = await self.runner.do(self._fresh(name, start))
            self._replace(world)
        return world

    async def take_up(
        self, document: Json, name: str, loc: tuple[str, ...] = ("body",), *, beside: bool = False
    ) -> World:
        """The world that was written down in ``document``, in place of the one of that name, or
        ``beside`` it, under the name with a number. Nothing changes when it raises RequestValidationError, for
        what is wrong with the document, which stands at ``loc``, or Refused (409)."""
        async with self._lock_of(name):
            world = await self.read(document, name, loc)
            if beside:
                numbered = (f"{name}-{number}" for number in count(2))
                world.name = next(free for free in chain([name], numbered) if free not in self)
            self._replace(world)
        return world

    async def read(self, document: Json, name: str, loc: tuple[str, ...]) -> World:
        """The world that was written down in ``document``, without opening it. Raises RequestValidationError."""
        return await self.runner.do(restore(document, name, self._words, loc))

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def set_behaviour(self, before: Behaviour, after: Behaviour) -> None:
        """Every world that behaved as ``before`` behaves as ``after``, and fresh ones do."""
        self.settings = replace(self.settings, behaviour=after)
        for world in self:
            if world.behaviour == before:
                world.set_behaviour(after)

    def uses_scenario(self, scenario: str) -> bool:
        """Whether any start has a run of that scenario."""
        return any(
            scenario in start.history.scenarios or scenario in {run.scenario for run in start.live}
            for start in self.starts.values()
        )

    def close(self) -> None:
        """Close every world, and with it its event streams; what is under way is left off."""
        self.runner.close()
        for world in self:
            world.close()

    def _fresh(self, name: str, start: Start = DEFAULT_START) -> Work[World]:
        settings = self.settings
        now = settings.now if start.now is None else start.now
        scale = settings.scale if start.scale is None else start.scale
        uses_scenario = self.starts[start.uses_scenario or self._start_named(name)]
        world = World(
            name,
            settings.seed if start.seed is None else start.seed,
            Clock(wall() if now is None else now, scale),
            start.behaviour or settings.behaviour,
            self._words,
            history_length=uses_scenario.history_length,
        )
        yield from seed_data.populate(world, uses_scenario, self.scenarios, start.runs, start.live)
        return world

    def _touch(self, name: str) -> None:
        if name not in self.settings.declared:  # Those are never let go, used or not.
            self._open[name] = self._open.pop(name)

    def _replace(self, world: World) -> None:
        """Have ``world`` in place of the one of its name. Raises HttpError (409)."""
        old = self._open.pop(world.name, None)
        if old is not None:
            self._dispose(old)
        elif len(self._open) >= self.settings.max_worlds:
            self._evict_idle()
        self._open[world.name] = world

    def _evict_idle(self) -> None:
        declared = self.settings.declared
        # One that somebody follows is in use, however long nobody asked it anything.
        idle = next(
            (n for n, w in self._open.items() if n not in declared and not w.has_subscribers), None
        )
        if idle is None:
            most = self.settings.max_worlds
            raise HttpError(
                409,
                f"All {most} worlds are declared ones, or somebody follows a run of theirs: start "
                "the mock with a larger --most-worlds.",
            )
        self._dispose(self._open.pop(idle))

    def _dispose(self, world: World) -> None:
        world.close()
        task = asyncio.create_task(self.runner.do(world.dispose()))
        self._disposals.add(task)
        task.add_done_callback(self._disposed)

    def _disposed(self, task: asyncio.Task[None]) -> None:
        self._disposals.discard(task)
        if not task.cancelled():
            task.exception()  # Left off when the mock stops.

    def _start_named(self, name: str) -> str:
        """What the world opens with: ``test-empty`` and ``test-empty-7`` open the start ``empty``;
        any other name opens what the mock was started with."""
        rest = name.removeprefix(TEST_PREFIX) if name.startswith(TEST_PREFIX) else ""
        named = [start for start in self.starts if rest == start or rest.startswith(f"{start}-")]
        return max(named, key=len, default=self.settings.start)
