"""A mock whose worlds are in a store, without a server: its commands are those of requests."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mock_server.app import Mock
from mock_server.engine.clock import from_text, wall
from mock_server.errors import HttpError, RequestValidationError
from mock_server.http.call import Call
from mock_server.settings import Settings
from mock_server.store import record
from mock_server.store.keeper import Keeper
from mock_server.store.log_replay import exchange
from mock_server.store.store import Renewal, Saved, Store, Stored, StoreError
from mock_server.worlds import snapshot
from mock_server.worlds.world import World

NOW = from_text("2026-03-02T08:15:00Z")
WORLD = "demo"

Command = tuple[str, dict[str, Any], dict[str, Any]]
"""The operation, the parameters in its path, and its body."""

CREATE: Command = ("createRun", {}, {"scenario": "diamond"})
COMMANDS: list[Command] = [
    CREATE,
    ("addFault", {}, {"status": {"code": 503}, "count": 2}),
    ("advanceClock", {}, {"seconds": 1.5}),
    ("createRun", {}, {"scenario": "flaky"}),
    ("cancelRun", {"run_id": 1}, {}),
]


def saved_world(snapshot: list[bytes], logs: list[list[bytes]]) -> Saved:
    """What is stored of a world, with names for the logs."""
    return Saved(snapshot, logs, [f"log {number}" for number in range(len(logs))])


class FakeStore:
    """A store in memory, which can fail."""

    label = "fake:"
    shared = False
    secret = ""
    done = 0

    def __init__(self, saved: Saved | None = None) -> None:
        self.saved = {} if saved is None else {WORLD: saved}
        self.problem: StoreError | None = None
        self.snapshots = 0
        self.doubtful = False
        self.snapshots_fail: str | None = None
        """Whether the next snapshots fail ``before`` or ``after`` they are written."""

    def cut(self, records: int) -> "FakeStore":
        """A store with only the first ``records`` of the logs."""
        snapshot, logs, *_ = self.saved[WORLD]
        kept = []
        for log in logs:
            kept.append(log[:records])
            records -= len(kept[-1])
        return FakeStore(saved_world(snapshot, kept))

    def age(self, milliseconds: int) -> None:
        """Let everything have been stored so much earlier."""
        snapshot, logs, *_ = self.saved[WORLD]

        def older(one: bytes) -> bytes:
            value = record.decode(one, "")
            return record.encode(value | {"wall": value["wall"] - milliseconds})

        self.saved[WORLD] = saved_world(
            [older(snapshot[0]), *snapshot[1:]], [[older(one) for one in log] for log in logs]
        )

    def earliest(self) -> int:
        return wall()

    def latest(self) -> int:
        return wall()

    async def claim(self, name: str, held: int | None = None) -> int:
        return 1

    def is_certain(self, name: str) -> bool:
        return True

    def in_doubt(self, name: str) -> bool:
        return self.doubtful

    async def confirm(self, name: str, epoch: int) -> None:
        self._check()

    async def renew(self, epochs: dict[str, int]) -> Renewal:
        return Renewal()

    async def try_out(self) -> None:
        self._check()

    async def release(self, name: str, epoch: int) -> None:
        self._check()

    async def load(self, name: str, epoch: int) -> Saved | None:
        self._check()
        saved = self.saved.get(name)
        return saved and saved_world(saved.snapshot, [log for log in saved.logs if log])

    async def append(
        self, name: str, epoch: int, records: Sequence[bytes], *, adds: bool = True
    ) -> None:
        self._check()
        self.saved[name].logs[-1].extend(records)

    async def rotate(self, name: str, epoch: int) -> int:
        self._check()
        if name in self.saved:
            self.saved[name].logs.append([])
            return len(self.saved[name].logs) - 1
        return 0

    async def snapshot(
        self, name: str, epoch: int, generation: int, records: Iterable[bytes]
    ) -> int:
        self._check()
        if self.snapshots_fail == "before":
            raise StoreError("the disk is full")
        logs = self.saved[name].logs if name in self.saved else [[]]
        # Earlier logs are emptied and not removed, so that generations remain their indexes.
        later = [log if index >= generation else [] for index, log in enumerate(logs)]
        self.saved[name] = saved_world(list(records), later)
        self.snapshots += 1
        if self.snapshots_fail == "after":
            raise StoreError("no response in time")
        return sum(map(len, self.saved[name].snapshot))

    async def owner(self, name: str) -> str | None:
        return None

    async def delete(self, name: str) -> bool:
        del self.saved[name]
        return True

    async def list_worlds(self) -> Sequence[Stored]:
        self._check()
        return [Stored(name, {}, 0, 0, 0) for name in self.saved]

    async def flush(self) -> None:
        self._check()

    async def close(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.problem is not None:
            raise self.problem
        self.done += 1


class StoredMock:
    """The mock on ``store``; another object on the same store is the mock after a restart."""

    def __init__(self, store: Store, start: str = "empty") -> None:
        mock = _mock(start)
        self.worlds = mock.worlds
        assert mock.keeper is not None
        for world in self.worlds:
            self.worlds._open.pop(world.name)
            world.close()
        self.keeper = Keeper(store, self.worlds, mock.keeper._handlers)
        self.worlds.keeper = self.keeper
        self.store = store

    async def open(self, name: str = WORLD) -> World:
        return await self.worlds.open(name)

    async def do(self, operation: str, path: dict[str, Any], body: dict[str, Any]) -> None:
        """Carry out a command. Raise HttpError or RequestValidationError."""
        call = Call(self.worlds, WORLD, exchange())
        call.parameters, call.body = path, body
        await call.enter()
        await self.keeper.carry_out(operation, call)

    async def do_all(self, commands: Iterable[Command]) -> None:
        """Carry out commands, as far as they can be."""
        for operation, path, body in commands:
            with suppress(HttpError, RequestValidationError):
                await self.do(operation, await self._numbered(path), body)

    async def fail_to_reset(self, store: "FakeStore", fails: str) -> None:
        """Try to reset the world, and a moment later to store the present one again."""
        store.snapshots_fail = fails
        with suppress(HttpError):
            await self.worlds.reset(WORLD)
        await self.keeper.tick()
        store.snapshots_fail = None

    async def _numbered(self, path: dict[str, Any]) -> dict[str, Any]:
        """Return the path with the id of a run in place of its number."""
        if not isinstance(path.get("run_id"), int):
            return path
        runs = list((await self.open()).runs())
        return {"run_id": runs[path["run_id"] % len(runs)].id if runs else "unknown"}

    async def export(self) -> bytes:
        """Return the document of the world."""
        return await self.worlds.runner.run(snapshot.write(await self.open()))

    async def compacted(self) -> None:
        """Wait until no snapshot is being written."""
        for kept in self.keeper._kept.values():
            if kept.compaction is not None:
                await kept.compaction


@cache
def _mock(start: str) -> Mock:
    with TemporaryDirectory() as directory:
        return Mock(Settings(now=NOW, scale=0, start=start, store=f"dir:{Path(directory)}/store"))
