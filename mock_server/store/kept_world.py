"""What the keeper knows of one world that is open: how it is stored."""

import asyncio

from mock_server.engine.run_state import Json
from mock_server.store import record
from mock_server.store.command import MARK, ScenarioTable
from mock_server.store.store import Saved, Store
from mock_server.worlds.world import World

_SMALL_LOG = 65_536
"""Bytes of a log that is never worth a snapshot."""

_FEW_EVENTS = 20_000
"""Events that are repeated quickly enough."""

_MAX_LOGS = 8


class KeptWorld:
    """A stored world; ``epoch`` is that of its ownership, ``table`` belongs to its present log.

    ``lost`` says that another mock may own it now.
    """

    def __init__(self, name: str, epoch: int) -> None:
        self.name = name
        self.epoch = epoch
        self.table = ScenarioTable()
        self.compaction: asyncio.Task[None] | None = None
        self._faults: tuple[object, ...] | None = None
        self._snapshot_size = 0
        self._snapshot_events = 0
        self._log_size = 0
        self._logs = 0
        self._held: World | None = None
        self.lost = False
        self.unknown = False
        """Whether another world may be stored than the open one, which nothing is added to then: a
        snapshot that failed may have been written."""
        self.lock: asyncio.Lock | None = None
        """That of the world, which exists as long as something refers to it."""

    def began(self, world: World, size: int) -> None:
        """Note that a snapshot of ``size`` bytes was stored, and the next log begins."""
        self._logs = self._log_size = 0
        self._snapshot_size = size
        self._snapshot_events = world.engine.event_count
        self._faults = _faults(world)
        self.unknown = False
        self.rotated()

    def loaded(self, world: World, saved: Saved, head: Json) -> None:
        """Note that ``world`` was restored from ``saved``, and the next log begins."""
        self._snapshot_size = sum(map(len, saved.snapshot))
        self._snapshot_events = head["events"]
        self._log_size = sum(len(one) for log in saved.logs for one in log)
        self._logs = sum(1 for log in saved.logs if log)
        self._faults = _faults(world)
        self.unknown = False
        self.rotated()

    def rotated(self) -> None:
        """Note that the next log begins."""
        self.table = ScenarioTable()
        self._logs += 1

    def appended(self, size: int) -> None:
        """Note that ``size`` bytes were added to the log."""
        self._log_size += size

    def outgrown(self, world: World) -> bool:
        """Return whether repeating the log takes longer than reading another snapshot."""
        events = world.engine.event_count - self._snapshot_events
        return self.compaction is None and (
            self._log_size > max(self._snapshot_size, _SMALL_LOG)
            or events > max(self._snapshot_events, _FEW_EVENTS)
            or self._logs > _MAX_LOGS
        )

    def compacted(self, size: int, events: int, log_size: int) -> None:
        """Note that a snapshot of ``size`` bytes and so many events was stored, when the log had
        ``log_size`` bytes."""
        self._snapshot_size, self._snapshot_events = size, events
        self._log_size -= log_size
        self._logs = 1

    def compaction_failed(self, world: World) -> None:
        """Try again when the log has grown to twice its size."""
        self._snapshot_size = max(self._snapshot_size, 2 * self._log_size)
        self._snapshot_events = max(self._snapshot_events, world.engine.event_count)
        self._logs = 1

    @property
    def log_size(self) -> int:
        """The bytes of all logs since the snapshot."""
        return self._log_size

    async def stop_compaction(self) -> None:
        """Cancel the compaction in progress, if any, and wait for its end."""
        task = self.compaction
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def hold(self, world: World) -> None:
        """Let no time pass in ``world`` until ``let_go``."""
        if self._held is None:
            self._held = world
            world.clock.hold()

    def let_go(self) -> None:
        """Let the time of the world go on, if it is held."""
        held, self._held = self._held, None
        if held is not None:
            held.clock.let_go()
            held.wakeup.arm()

    def mark(self, world: World, wall: int) -> bytes | None:
        """Return the record of the counters of faults, None where they are stored already.

        ``wall`` is the time of the store.
        """
        faults = _faults(world)
        if faults == self._faults:
            return None
        self._faults = faults
        return mark_of(world, wall)

    def repeatable(self, world: World) -> None:
        """Note that the counters of faults are what repeating the stored commands gives."""
        self._faults = _faults(world)

    def unmark(self) -> None:
        """Forget the last mark, which could not be stored."""
        self._faults = None


def mark_of(world: World, wall: int) -> bytes:
    """Return the record of the instant at which ``world`` stands, with the counters of faults.

    What a loaded world shows depends on that instant, and another mock may estimate the time more
    closely. ``wall`` is the time of the store.
    """
    faults = world.faults.dump(world.engine.now)
    return record.encode({"do": MARK, "at": world.clock.now(), "wall": wall, "faults": faults})


def wall_of(store: Store, world: World) -> int:
    """Return the time of the store at which that of ``world`` stands, or an earlier one."""
    return store.earliest() - world.clock.held_for()


def _faults(world: World) -> tuple[object, ...]:
    return world.faults.counters(world.engine.now)
