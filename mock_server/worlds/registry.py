"""The worlds of one mock: which are open, how one is opened, and how many there may be.

A credential names a tenant, and a tenant is a world: ``acme`` and ``acme:alice`` are two users of
the world ``acme``. Some worlds are declared; any name that begins with ``test-`` opens a new one,
so tests that run in parallel stay apart by choosing a name. The number of worlds is bounded: the
``test-`` world that was idle longest is removed first.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, count
from weakref import WeakValueDictionary

from mock_server import yaml_model
from mock_server.engine import scenario
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import Clock, wall
from mock_server.engine.fake_data import FakeData
from mock_server.engine.run_state import Json
from mock_server.engine.scenario import Scenario
from mock_server.errors import HttpError, RequestValidationError, UsageError
from mock_server.faults import rules
from mock_server.faults.rules import Preset
from mock_server.settings import Settings
from mock_server.worlds import seed_data
from mock_server.worlds.advance import catch_up_completely
from mock_server.worlds.cooperative import Work, WorkRunner
from mock_server.worlds.document import IMPORT, Limits
from mock_server.worlds.import_check import prove
from mock_server.worlds.observer import WorldsObserver
from mock_server.worlds.peer_worlds import PeerWorlds
from mock_server.worlds.persistence import Persistence
from mock_server.worlds.restore import restore
from mock_server.worlds.seed_data import WorldFile
from mock_server.worlds.world import World

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
TEST_PREFIX = "test-"


@dataclass(frozen=True, slots=True)
class Start:
    """What a new world begins with; None stands for the mock's settings, or what the name implies.

    ``start`` names one of the mock's ``starts``; ``runs`` and ``live`` override the number of its
    past and current runs. ``now`` is an instant.
    """

    seed: int | None = None
    now: int | None = None
    start: str | None = None
    behaviour: Behaviour | None = None
    runs: int | None = None
    live: int | None = None
    scale: float | None = None


DEFAULT_START = Start()


class Worlds:
    """Every open world by name. Raise UsageError for settings that cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.scenarios: dict[str, Scenario] = scenario.load_available(settings.scenarios)
        self.starts: dict[str, WorldFile] = {
            path.stem: seed_data.read(path, self.scenarios)
            for path in (*yaml_model.files(settings.starts), *settings.more_starts)
        }
        if settings.start not in self.starts:
            available = ", ".join(self.starts)
            raise UsageError(f"--start: expected one of {available}, got {settings.start!r}")
        self.presets: dict[str, Preset] = rules.presets(settings.faults)
        self._fake_data = FakeData()
        # Test worlds are in order of use: the one that was idle longest comes first.
        self._open: dict[str, World] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._disposals: set[asyncio.Task[None]] = set()
        self.runner = WorkRunner()
        self.observers: tuple[WorldsObserver, ...] = ()
        self.keeper: Persistence | None = None
        self.owns: Callable[[str], bool] = lambda _: True
        """Whether the world of that name belongs to this process, of several."""
        self.peers: PeerWorlds | None = None

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, name: str) -> bool:
        return name in self._open

    def allows(self, name: str) -> bool:
        """Return whether a world of that name is open or can be opened."""
        return name in self.settings.declared or (
            name.startswith(TEST_PREFIX) and NAME.fullmatch(name) is not None
        )

    def get(self, name: str) -> World | None:
        """Return the world of that name if it is open."""
        return self._open.get(name)

    def current(self, name: str) -> World | None:
        """Return the world of that name, caught up with its clock; None where that takes longer,
        see ``open``."""
        world = self._open.get(name)
        if world is None or not world.catch_up():
            return None
        self._touch(name)
        return world

    async def open(self, name: str) -> World:
        """Open the world of that name if necessary and let it catch up with its clock.

        ``allows(name)`` must hold. Raise HttpError: 409 when the mock holds no further world, 503
        when the world cannot keep up with its clock and where it belongs to another process.
        """
        self._check_owner(name)
        while True:
            world = self._open.get(name)
            if world is None:
                async with self._lock(name):
                    if name not in self._open:
                        self._insert(await self._obtain(name))
            else:
                await self.runner.run(catch_up_completely(world))
                if self._open.get(name) is world:  # Also while the mock stops.
                    self._touch(name)
                    return world

    @asynccontextmanager
    async def exclusive(self, name: str) -> AsyncIterator[World]:
        """Open the world of that name for long work, of which it has one at a time.

        Raise HttpError, as ``open`` does.
        """
        while True:
            world = await self.open(name)
            async with self._lock(name):
                if self._open.get(name) is world:
                    yield world
                    return

    def run_exists(self, run_id: str) -> bool:
        """Return whether any open world has that run."""
        return any(world.find(run_id) is not None for world in self._open.values())

    async def reset(self, name: str, start: Start = DEFAULT_START) -> World:
        """Replace the world of that name by a new one; the old one stays until that is complete.

        Raise HttpError: 409, and 503 where it belongs to another process.
        """
        self._check_owner(name)
        async with self._lock(name):
            world = await self._stored(await self.runner.run(self._create(name, start)))
            self._insert(world)
        return world

    async def restore(
        self,
        document: Json,
        name: str,
        loc: tuple[str, ...] = ("body",),
        *,
        keep_existing: bool = False,
        limits: Limits = IMPORT,
    ) -> World:
        """Replace the world of that name by the snapshot in ``document``, which is at ``loc``.

        With ``keep_existing``, add a number to the name where a world has it already. Raise
        RequestValidationError for an invalid document and HttpError (409, and 503 where the world
        belongs to another process); both change nothing.
        """
        if not keep_existing:
            self._check_owner(name)
        async with self._lock(name):
            world = await self.read(document, name, loc, limits)
            if keep_existing:
                world.name = await self._free_name(name)
            self._insert(await self._stored(world))
        return world

    async def read(
        self, document: Json, name: str, loc: tuple[str, ...], limits: Limits = IMPORT
    ) -> World:
        """Return the world in ``document`` without opening it, after everything in it was rendered.

        Raise RequestValidationError for an invalid document and for one beyond ``limits``.
        """
        return await self.runner.run(self._read(document, name, loc, limits))

    def replace_behaviour(self, before: Behaviour, after: Behaviour) -> list[World]:
        """Set ``after`` for new worlds, and return those that behave as ``before``."""
        self.settings = replace(self.settings, behaviour=after)
        return [world for world in self if world.behaviour == before]

    def starts_use(self, scenario: str) -> bool:
        """Return whether any start has a run of that scenario."""
        return any(
            scenario in start.history.scenarios or scenario in {run.scenario for run in start.live}
            for start in self.starts.values()
        )

    def keep_own(self) -> None:
        """Remove the open worlds that belong to other processes."""
        self._open = {name: world for name, world in self._open.items() if self.owns(name)}

    def close(self) -> None:
        """Close every world, end its event streams and stop long work."""
        self.runner.close()
        for observer in self.observers:
            observer.close()
        for world in self:
            world.close()

    def _check_owner(self, name: str) -> None:
        """Raise HttpError (503) for a world of another process: two would write to one log."""
        if not self.owns(name):
            raise HttpError(
                503,
                f"The world {name!r} belongs to another worker of the mock. Name the world once.",
                {"Retry-After": "1"},
            )

    def _lock(self, name: str) -> asyncio.Lock:
        """Return the lock to hold while long work is done to the world of that name."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def _obtain(self, name: str) -> World:
        """Return the stored world of that name, or a new one."""
        if self.keeper is not None and (stored := await self.keeper.load(name)) is not None:
            return stored
        return await self._stored(await self.runner.run(self._create(name)))

    async def _stored(self, world: World) -> World:
        """Return ``world`` after it was stored. Raise HttpError (503)."""
        if self.keeper is not None:
            try:
                self._make_room(world.name)  # Before what is stored under its name is replaced.
                await self.keeper.save(world)
            except BaseException:
                self.dispose(world)
                raise
        return world

    async def _free_name(self, name: str) -> str:
        """Return ``name``, with a number where a world has it."""
        for free in chain([name], (f"{name}-{number}" for number in count(2))):
            if not self.owns(free):
                continue
            if free not in self and (self.keeper is None or not await self.keeper.has(free)):
                break
        return free

    def _create(self, name: str, start: Start = DEFAULT_START) -> Work[World]:
        settings = self.settings
        now = settings.now if start.now is None else start.now
        scale = settings.scale if start.scale is None else start.scale
        file = self.starts[start.start or self._start_named(name)]
        world = World(
            name,
            settings.seed if start.seed is None else start.seed,
            Clock(wall() if now is None else now, scale),
            start.behaviour or settings.behaviour,
            self._fake_data,
            history_length=file.history_length,
        )
        yield from seed_data.populate(world, file, self.scenarios, start.runs, start.live)
        world.faults.add(settings.rules, world.engine.now)
        return world

    def _read(self, document: Json, name: str, loc: tuple[str, ...], limits: Limits) -> Work[World]:
        world = yield from restore(document, name, self._fake_data, loc, limits)
        try:
            yield from prove(world, loc, limits)
        except RequestValidationError:
            self.dispose(world)
            raise
        return world

    def _touch(self, name: str) -> None:
        if name not in self.settings.declared:  # Declared worlds are never removed.
            self._open[name] = self._open.pop(name)
            if self.keeper is not None:
                self.keeper.used(name)

    def _insert(self, world: World) -> None:
        """Open ``world`` in place of the one of its name. Raise HttpError (409)."""
        old = self._open.pop(world.name, None)
        if old is not None:
            self.dispose(old)
        else:
            try:
                self._make_room(world.name)
            except HttpError:
                self._close(world)
                raise
        self._open[world.name] = world
        for observer in self.observers:
            observer.opened(world)

    def _make_room(self, name: str) -> None:
        """Close an idle world if there are too many for that one. Raise HttpError (409)."""
        if name in self._open or len(self._open) < self.settings.max_worlds:
            return
        declared = self.settings.declared
        # A world with subscribers is in use, even without requests.
        idle = next((name for name in self._open if name not in declared and self.idle(name)), None)
        if idle is None:
            raise HttpError(
                409,
                f"All {self.settings.max_worlds} worlds are declared or have "
                "subscribers: start the mock with a larger --most-worlds.",
            )
        self.close_world(idle)

    def idle(self, name: str) -> bool:
        """Return whether the open world of that name can be closed now."""
        busy = self.keeper is not None and self.keeper.busy(name)
        return not busy and not self._open[name].has_subscribers

    def close_world(self, name: str) -> None:
        """Close the open world of that name; where worlds are stored, it stays so."""
        self._close(self._open.pop(name))
        for observer in self.observers:
            observer.removed(name)

    def _close(self, world: World) -> None:
        """Close a world that stays stored."""
        if self.keeper is not None:
            self.keeper.closed(world)
        self.dispose(world)

    def dispose(self, world: World) -> None:
        """Close a world that is not open, or no longer, and free its memory."""
        world.close()
        task = asyncio.create_task(self.runner.run(world.dispose()))
        self._disposals.add(task)
        task.add_done_callback(self._disposed)

    def _disposed(self, task: asyncio.Task[None]) -> None:
        self._disposals.discard(task)
        if not task.cancelled():
            task.exception()  # Retrieved, because the mock may stop during the disposal.

    def _start_named(self, name: str) -> str:
        """Return the start of a world: ``test-empty`` and ``test-empty-7`` open with ``empty``, any
        other name with the mock's setting."""
        rest = name.removeprefix(TEST_PREFIX) if name.startswith(TEST_PREFIX) else ""
        named = [start for start in self.starts if rest == start or rest.startswith(f"{start}-")]
        return max(named, key=len, default=self.settings.start)
