"""Snapshots of worlds that are kept: with each, the log begins again."""

import asyncio

from mock_server.errors import HttpError
from mock_server.store import log_replay
from mock_server.store.failures import Failures
from mock_server.store.kept_world import KeptWorld, wall_of
from mock_server.store.store import (
    DamagedError,
    FullError,
    GoneError,
    LostError,
    MaybeStoredError,
    Store,
    StoreError,
)
from mock_server.worlds.cooperative import Work, WorkRunner
from mock_server.worlds.world import World


class Snapshots:
    """Writes snapshots to ``store``; ``runner`` renders them while other requests are served."""

    def __init__(self, store: Store, runner: WorkRunner, failures: Failures) -> None:
        self._store = store
        self._runner = runner
        self._failures = failures

    async def write(self, kept: KeptWorld, world: World) -> None:
        """Store all of ``world``, in place of what is stored. Raise StoreError."""
        with world.clock.held():
            records = await self._runner.run(log_replay.write(world, wall_of(self._store, world)))
            generation = await self._store.rotate(kept.name, kept.epoch)
            kept.rotated()
            kept.unknown = True
            try:
                size = await self._store.snapshot(kept.name, kept.epoch, generation, records)
            except FullError:  # Then nothing was written.
                kept.unknown = False
                raise
            except (DamagedError, GoneError, LostError):
                raise
            except StoreError as error:
                raise MaybeStoredError(str(error)) from error
        kept.began(world, size)

    async def begin(self, kept: KeptWorld, world: World) -> None:
        """Begin the next log, and a snapshot of ``world`` up to it, which is written meanwhile."""
        with self._failures.logged():
            generation = await self._store.rotate(kept.name, kept.epoch)
            kept.rotated()
            rendering = log_replay.write(world, wall_of(self._store, world))
            writing = self._write_later(kept, world, generation, rendering)
            kept.compaction = asyncio.create_task(writing)

    async def _write_later(
        self, kept: KeptWorld, world: World, generation: int, rendering: Work[list[bytes]]
    ) -> None:
        log_size, events = kept.log_size, world.engine.event_count
        try:
            records = await self._runner.run(rendering)
            size = await self._store.snapshot(kept.name, kept.epoch, generation, records)
            kept.compacted(size, events, log_size)
        except (StoreError, HttpError) as error:  # The log is still complete.
            kept.compaction_failed(world)
            if isinstance(error, StoreError):
                self._failures.note(error)
        finally:
            kept.compaction = None
