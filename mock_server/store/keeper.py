"""Keeping worlds in a store: each command is stored before it is carried out.

The commands of one world are carried out one after the other, and its clock is held meanwhile: so a
command sees the instant that was stored with it. Reading a world does not touch the store.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from weakref import WeakValueDictionary

from mock_server.engine.behaviour import Behaviour
from mock_server.engine.clock import monotonic
from mock_server.engine.fake_data import FakeData
from mock_server.errors import HttpError
from mock_server.http.call import Call, Handler, Response, completed
from mock_server.store import command, log_replay, record
from mock_server.store.failures import Failures, OtherOwnerError
from mock_server.store.kept_world import KeptWorld, mark_of, wall_of
from mock_server.store.open_world import OpenWorld
from mock_server.store.snapshots import Snapshots
from mock_server.store.store import GoneError, LostError, Store, StoreError
from mock_server.worlds.advance import catch_up_completely
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

TICK = 1.0
"""Real seconds between two flushes: of what was appended, and of the counters of faults."""

RELEASED_AFTER = 600.0
"""Real seconds without a request after which a ``test-`` world is removed from memory."""

EXPIRES_AFTER = 7 * 24 * 3_600_000
"""Milliseconds without a change after which a ``test-`` world is removed from the store."""

_SWEEP = 60
"""Ticks between two looks for idle worlds."""

log = logging.getLogger("mock_server")


class Keeper:
    """Keeps ``worlds`` in ``store``, and calls the functions of operations that change them."""

    def __init__(self, store: Store, worlds: Worlds, handlers: Mapping[str, Handler]) -> None:
        self.store = store
        self._worlds = worlds
        self._handlers = handlers
        self._fake_data = FakeData()
        self._kept: dict[str, KeptWorld] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._used: dict[str, float] = {}
        self._releases: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._ticks = 0
        self.failures = self._failures = Failures(store, self._lose)
        self._snapshots = Snapshots(store, worlds.runner, self._failures)

    # For the registry.

    async def load(self, name: str) -> World | None:
        """Return the stored world of that name; None for an unknown one.

        Raise HttpError (503) when it cannot be read.
        """
        self._start()
        with self._failures.as_responses(name):
            kept = await self._claim(name)
            try:
                saved = await self.store.load(name, kept.epoch)
                if saved is None:
                    return None
                world, head = await log_replay.read(
                    saved, name, self._handlers, self._worlds.runner, self._fake_data, self.store
                )
                await self.store.rotate(name, kept.epoch)
                if self.store.shared:
                    mark = mark_of(world, wall_of(self.store, world))
                    await self.store.append(name, kept.epoch, [mark], adds=False)
            except BaseException:
                await self._abandon(name)
                raise
        kept.loaded(world, saved, head)
        self.used(name)
        return world

    async def save(self, world: World) -> None:
        """Store a world that is about to be opened, in place of the stored one of its name.

        Raise HttpError (503) when it cannot be stored; the former one is then unchanged.
        """
        self._start()
        name = world.name
        try:
            with self._failures.as_responses(name):
                kept = await self._claim(name)
                await kept.stop_compaction()
                await self._snapshots.write(kept, world)
        except BaseException:
            if name not in self._worlds:  # It is not open, so nothing would release it.
                await self._abandon(name)
            raise
        self.used(name)

    async def has(self, name: str) -> bool:
        """Return whether a world of that name is stored. Raise HttpError (503)."""
        with self._failures.as_responses(name):
            return any(one.name == name for one in await self.store.list_worlds())

    def busy(self, name: str) -> bool:
        """Return whether the world of that name is being changed, and cannot be closed now."""
        return self._is_locked(name) or (name in self._kept and self._kept[name].unknown)

    def used(self, name: str) -> None:
        """Note that the world of that name is in use."""
        self._used[name] = monotonic()

    def closed(self, world: World) -> None:
        """Note that ``world`` is removed from memory; it stays stored."""
        kept = self._kept.pop(world.name, None)
        self._used.pop(world.name, None)
        if kept is not None:
            mark = kept.mark(world, wall_of(self.store, world))
            release = asyncio.create_task(self._release(kept, mark))
            self._releases[world.name] = release
            release.add_done_callback(lambda _: self._released(world.name, release))

    def claim_on(self, name: str) -> OpenWorld | None:
        """Return the ownership of the world of that name; None for one that is not open."""
        kept = self._kept.get(name)
        return None if kept is None or name not in self._worlds else OpenWorld(self, kept)

    async def confirm(self, kept: KeptWorld) -> None:
        """Be certain to own an open world, or close it.

        Raise HttpError (503) where another mock owns it, and when the store fails.
        """
        name = kept.name
        if self._kept.get(name) is not kept:
            if kept.lost:
                raise OtherOwnerError(f"The world {name!r} was lost meanwhile.", None)
            return  # It was closed after this request had read it.
        with self._failures.as_responses(name):
            try:
                await self.store.confirm(name, kept.epoch)
                self._settle(kept)
            except GoneError:
                await self._store_gone(name)
            except LostError:
                raise
            except StoreError:
                if not self.store.is_certain(name):
                    self._lose(name)
                raise

    @property
    def problem(self) -> str | None:
        """Why a shared store fails at the moment; None while it works."""
        problem = self._failures.problem if self.store.shared else None
        return None if problem is None else f"The store {self.store.label} fails: {problem}."

    # For operations.

    def records(self, operation: str) -> bool:
        """Return whether that operation changes a world."""
        return operation in command.COMMANDS or operation in command.REPLACING

    async def carry_out(self, operation: str, call: Call) -> Response:
        """Call the function of that operation, and return its response. Raise what it raises, and
        HttpError (503) for a change that cannot be stored and was not made."""
        handler = self._handlers[operation]
        async with self._lock(call.tenant):
            if operation in command.REPLACING:
                return await completed(handler(call))
            world = await call.enter()
            world.clock.hold()
            try:
                if not world.catch_up():
                    await self._worlds.runner.run(catch_up_completely(world))
                kept = self._kept.get(world.name)
                if kept is None:
                    raise OtherOwnerError(f"The world {world.name!r} was lost meanwhile.", None)
                await self._store(operation, call, kept)
                try:
                    return await completed(handler(call))
                finally:
                    self._settle(kept)
                    kept.repeatable(world)
                    if kept.outgrown(world):
                        await self._snapshots.begin(kept, world)
            finally:
                world.clock.let_go()
                world.wakeup.arm()

    def set_behaviour(self, world: World, behaviour: Behaviour) -> None:
        """Set the behaviour of ``world`` soon, as a command."""
        task = asyncio.create_task(self._set_behaviour(world, behaviour))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # In the background.

    async def tick(self) -> None:
        """Remain the owner of the open worlds, store the counters of faults, flush the store, and
        now and then remove what is idle."""
        with self._failures.logged():
            epochs = {kept.name: kept.epoch for kept in self._kept.values()}
            lost, gone = await self.store.renew(epochs)
            for name in lost:
                self._lose(name)
            for name in gone:
                await self._store_gone(name)
            for kept in self._kept.values():
                self._settle(kept)
            if self._failures.problem is not None:
                await self.store.try_out()
        for world in self._worlds:
            with self._failures.logged():
                await self._mark(world)
        with self._failures.logged():
            await self.store.flush()
            if self._ticks % _SWEEP == 0:
                await self._sweep()
        self._ticks += 1

    async def stop(self) -> None:
        """Store what is not stored yet, and release every world, because the mock stops."""
        if self._ticking is not None:
            self._ticking.cancel()
        for world in self._worlds:
            kept = self._kept.get(world.name)
            if kept is not None:
                with self._failures.logged():
                    if kept.unknown:
                        await self._store_again(kept, world)
                self.closed(world)
        pending = [*self._releases.values(), *self._tasks]
        if pending:
            await asyncio.wait(pending)
        with self._failures.logged():
            await self.store.close()

    def _start(self) -> None:
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_on())

    async def _tick_on(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:  # The next one may succeed, and leases have to be renewed.
                log.exception("keeping the worlds in %s failed", self.store.label)
            await asyncio.sleep(TICK)

    async def _mark(self, world: World) -> None:
        if self._is_locked(world.name):
            return  # The command in progress stores them.
        async with self._lock(world.name):
            kept = self._kept.get(world.name)
            if kept is None or self._worlds.get(world.name) is not world:
                return  # It was closed meanwhile.
            if kept.unknown:
                await self._store_again(kept, world)
                return
            mark = kept.mark(world, wall_of(self.store, world))
            if mark is None:
                return
            try:
                await self.store.append(kept.name, kept.epoch, [mark], adds=False)
            except LostError:
                self._lose(kept.name)
            except GoneError:
                await self._store_again(kept, world)
            except BaseException:
                kept.unmark()
                raise
            else:
                kept.appended(len(mark))

    async def _sweep(self) -> None:
        before = monotonic() - RELEASED_AFTER
        for name, used in list(self._used.items()):
            idle = used < before and name.startswith(TEST_PREFIX) and name in self._worlds
            if idle and self._worlds.idle(name):
                self._worlds.close_world(name)
        oldest = self.store.earliest() - EXPIRES_AFTER
        for stored in await self.store.list_worlds():
            closed = stored.name not in self._kept and stored.name not in self._releases
            if not self._worlds.owns(stored.name):
                continue  # Another process may have it open.
            expired = 0 < stored.used < oldest  # 0 if it is none of our worlds.
            if closed and stored.name.startswith(TEST_PREFIX) and expired:
                with self._failures.logged():
                    await self.store.delete(stored.name)

    # Helpers.

    def _lock(self, name: str) -> asyncio.Lock:
        """Return the lock to hold while a command is carried out in the world of that name."""
        lock = self._locks.get(name)
        return self._locks.setdefault(name, asyncio.Lock()) if lock is None else lock

    async def _abandon(self, name: str) -> None:
        """Own the world of that name no longer, which is not open."""
        if (kept := self._kept.pop(name, None)) is not None:
            with suppress(StoreError):
                await self.store.release(name, kept.epoch)

    def _is_locked(self, name: str) -> bool:
        lock = self._locks.get(name)
        return lock is not None and lock.locked()

    async def _claim(self, name: str) -> KeptWorld:
        """Own the world of that name. Raise StoreError."""
        while (release := self._releases.get(name)) is not None:
            await asyncio.wait([release])
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = KeptWorld(name, await self.store.claim(name))
            kept.lock = self._lock(name)
        return kept

    async def _store(self, operation: str, call: Call, kept: KeptWorld) -> None:
        """Store the command, with the counters of faults before it. Raise HttpError (503)."""
        try:
            await self._append(operation, call, kept)
        except StoreError as error:
            with self._failures.as_responses(kept.name):
                if not isinstance(error, GoneError):
                    raise
                await self._store_again(kept, call.world)
                await self._append(operation, call, kept)

    async def _append(self, operation: str, call: Call, kept: KeptWorld) -> None:
        if kept.unknown:
            await self._store_again(kept, call.world)
        world, length = call.world, len(kept.table)
        wall = wall_of(self.store, world)
        payload = command.make(operation, call, kept.table, world.clock.now(), wall)
        if payload is None:
            return
        mark = kept.mark(world, wall)
        records = [record.frame(payload)] if mark is None else [mark, record.frame(payload)]
        try:
            await self.store.append(kept.name, kept.epoch, records)
        except BaseException:
            kept.table.forget(length)
            kept.unmark()
            if self.store.in_doubt(kept.name):
                kept.hold(world)
            raise
        kept.appended(sum(map(len, records)))
        self._failures.appended()

    async def _store_gone(self, name: str) -> None:
        """Store the open world of that name again."""
        async with self._lock(name):
            world, kept = self._worlds.get(name), self._kept.get(name)
            if world is not None and kept is not None:
                await self._store_again(kept, world)

    async def _store_again(self, kept: KeptWorld, world: World) -> None:
        """Store all of ``world``, because the store no longer has it. Raise StoreError."""
        await kept.stop_compaction()
        kept.epoch = await self.store.claim(kept.name, kept.epoch)
        await self._snapshots.write(kept, world)

    async def _release(self, kept: KeptWorld, mark: bytes | None) -> None:
        with self._failures.logged():
            await kept.stop_compaction()
            if mark is not None:
                await self.store.append(kept.name, kept.epoch, [mark], adds=False)
            await self.store.release(kept.name, kept.epoch)

    def _released(self, name: str, task: asyncio.Task[None]) -> None:
        if self._releases.get(name) is task:
            del self._releases[name]

    def _settle(self, kept: KeptWorld) -> None:
        """Let the time of a world go on, unless its log may still have what was refused."""
        if not self.store.in_doubt(kept.name):
            kept.let_go()

    def _lose(self, name: str) -> None:
        """Close a world that another mock has claimed."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.lost = True
        if name in self._worlds:
            self._worlds.close_world(name)

    async def _set_behaviour(self, world: World, behaviour: Behaviour) -> None:
        call = Call(self._worlds, world.name, log_replay.exchange())
        call.parameters, call.body = {}, {"behaviour": behaviour.answers()}
        try:
            await self.carry_out("setBehaviour", call)
        except HttpError as error:
            log.warning("%s keeps its behaviour: %s", world.name, error.reason)
