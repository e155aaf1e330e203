"""Replicas that share a world, in simulated time: their clocks disagree, they pause and are killed,
messages are late or lost, and the server is restarted.

The store of each replica is the real one; in place of the server it has a model, in place of the
world a few lines whose events depend on the commands and on the time. The same seed gives the same
schedule.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch

import redis
from valkey_model import ValkeyModel
from virtual_loop import VirtualLoop

from mock_server.engine.clock import Clock
from mock_server.store import record
from mock_server.store.kept_world import KeptWorld
from mock_server.store.log_replay import resumed
from mock_server.store.store import LostError, StoreError
from mock_server.store.valkey import ValkeyStore

WORLD = "demo"
EVENT_EVERY = 70
"""Milliseconds of the world's time from one event to the next."""

MARK = "mark"
"""The name of the record of the instant from which a world goes on."""

EPOCH = 1_700_000_000_000

_REPLICA: ContextVar["Replica"] = ContextVar("replica")


@dataclass(frozen=True)
class Troubles:
    """What may happen; ``rates`` are how quickly the clocks of replicas go."""

    rates: tuple[float, float] = (0.9995, 1.0005)
    forgets: bool = False
    lost: float = 0.02
    late: float = 0.03


class History:
    """What clients were shown, in order. Raise AssertionError when it contradicts itself."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.acknowledged: list[str] = []
        self.shown = self.now = 0
        self.owners: set[str] = set()

    def show(self, replica: "Replica", world: "World", *, complete: bool) -> None:
        events, now = world.events(), world.clock.now()
        others = [one.name for one in replica.others() if one.is_certain()]
        assert not others, f"{replica.name} and {others} own the world"
        if complete:
            assert now >= self.now, f"the clock of {replica.name} has gone back"
            before, self.now = self.events, now
            assert events[: len(before)] == before, f"{replica.name} has lost what was shown"
            missing = {one for one in self.acknowledged if one not in "".join(events)}
            assert not missing, f"{replica.name} has lost {missing}"
            self.events = events
        self.shown += 1
        self.owners.add(replica.name)


class World:
    """A world: an event for each command, and others as time passes."""

    def __init__(self, clock: Clock, commands: list[tuple[int, str]]) -> None:
        self.clock = clock
        self.commands = commands
        self.wakeup = self

    def arm(self) -> None:
        """Nothing waits for what is due."""

    def events(self) -> list[str]:
        found, now = [], self.clock.now()
        for index, (at, name) in enumerate(self.commands):
            end = self.commands[index + 1][0] if index + 1 < len(self.commands) else now
            found += [f"<{name}>", *(f"{name}+{n}" for n in range((end - at) // EVENT_EVERY))]
        return found


class Replica:
    """One process; ``local`` is its own clock."""

    def __init__(self, simulation: "Simulation", name: str) -> None:
        self.simulation, self.name = simulation, name
        rng = simulation.rng
        self._rate, self._offset = rng.uniform(*simulation.troubles.rates), rng.uniform(0, 1e5)
        self.paused = self.cut_off = self.stopped = False
        self.store = ValkeyStore("valkey://model", f"http://{name}")
        self.store._client = self
        self.world: World | None = None
        self._kept: KeptWorld | None = None
        self._lock = asyncio.Lock()

    def local(self) -> float:
        return self.simulation.loop.time() * self._rate + self._offset

    def others(self) -> list["Replica"]:
        return [one for one in self.simulation.replicas if one is not self]

    def is_certain(self) -> bool:
        token = _REPLICA.set(self)
        try:
            return not self.stopped and self.world is not None and self.store.is_certain(WORLD)
        finally:
            _REPLICA.reset(token)

    async def eval(self, script: str, _key: str, *given: str | bytes, deadline: float) -> Any:
        """Send a script to the server, as the client of the library does."""
        async with asyncio.timeout(deadline):
            return await self.simulation.send(self, lambda server: server.eval(script, *given))

    async def tick(self) -> None:
        kept = self._kept
        if kept is None:
            return
        renewal = await self.store.renew({WORLD: kept.epoch})
        if kept is self._kept:
            if renewal.lost or renewal.gone:
                self._close()
            elif not self.store.in_doubt(WORLD):
                kept.let_go()

    async def request(self, change: str | None) -> None:
        """Serve a request: to read, or to carry out a command."""
        async with self._lock:
            world = await self._open()
            if world is None:
                return
            if change is None:
                self._show(world)
            else:
                await self._change(world, change)

    async def stop(self) -> None:
        """End in an orderly way: release the world."""
        async with self._lock:
            if self.world is not None and self._kept is not None:
                kept = self._kept
                self._close()
                await self.store.release(WORLD, kept.epoch)

    def _show(self, world: World) -> None:
        simulation = self.simulation
        if self.world is world and self.is_certain():
            complete = not simulation.troubles.forgets and self._rate_is_fine
            simulation.history.show(self, world, complete=complete)

    @property
    def _rate_is_fine(self) -> bool:
        return abs(self._rate - 1) <= 0.001

    async def _change(self, world: World, name: str) -> None:
        kept = self._kept
        if kept is None or self.world is not world:
            return  # It was lost meanwhile.
        with world.clock.held():
            at = world.clock.now()
            wall = self.store.earliest() - world.clock.held_for()
            one = record.encode({"at": at, "wall": wall, "name": name})
            try:
                await self.store.append(WORLD, kept.epoch, [one])
            except LostError:
                self._close()
                return
            except StoreError:
                if self.store.in_doubt(WORLD):
                    kept.hold(world)
                return
            kept.let_go()
            world.commands.append((at, name))
            if not self.stopped:
                self.simulation.history.acknowledged.append(f"<{name}>")

    async def _open(self) -> World | None:
        world, kept = self.world, self._kept
        if world is not None and kept is not None:
            if not self.store.is_certain(WORLD):
                try:
                    await self.store.confirm(WORLD, kept.epoch)
                except StoreError:
                    self._close()
                    return None
                if not self.store.in_doubt(WORLD):
                    kept.let_go()
            return world
        kept = KeptWorld(WORLD, await self.store.claim(WORLD))
        saved = await self.store.load(WORLD, kept.epoch)
        if saved is None:
            world = World(Clock(0, real=self.local), [(0, "start")])
            head = record.encode({"at": 0, "wall": self.store.earliest(), "name": "start"})
            generation = await self.store.rotate(WORLD, kept.epoch)
            await self.store.snapshot(WORLD, kept.epoch, generation, [head])
        else:
            found = [record.decode(one, "") for one in sum(saved.logs, list(saved.snapshot))]
            commands = [(one["at"], one["name"]) for one in found if one["name"] != MARK]
            world = World(Clock(0, real=self.local), commands)
            last = found[-1]
            await self.store.rotate(WORLD, kept.epoch)
            world.clock.set_to(resumed(world.clock, last["at"], last["wall"], self.store.latest()))
            mark = {"at": world.clock.now(), "wall": self.store.earliest(), "name": MARK}
            await self.store.append(WORLD, kept.epoch, [record.encode(mark)])
        self.world, self._kept = world, kept
        return world

    def _close(self) -> None:
        self.world = self._kept = None


class Simulation:
    """One schedule of ``seconds``."""

    def __init__(self, loop: VirtualLoop, seed: int, troubles: Troubles) -> None:
        self.loop, self.rng, self.troubles = loop, Random(seed), troubles
        self.history = History()
        self._began = loop.time()
        self.server = ValkeyModel(self._server_time)
        self.server.started -= 3_600_000
        self._up = True
        self._errors: list[Exception] = []
        self._disk: list[tuple[float, Any]] = []
        self._numbers = iter(range(3, 10_000))
        self.replicas: list[Replica] = []
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def _server_time(self) -> int:
        return EPOCH + int(self.loop.time() * 1_000)

    async def run(self, seconds: float) -> History:
        for number in range(3):
            self._start(f"r{number}")
        self._began = self.loop.time()
        try:
            while self.loop.time() < self._began + seconds:
                await asyncio.sleep(self.rng.expovariate(0.4))
                self._trouble()
        finally:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._errors:
            raise self._errors[0]
        return self.history

    def _start(self, name: str) -> None:
        replica = Replica(self, name)
        self.replicas.append(replica)

        async def every(mean: float, act: Callable[[], Awaitable[None]]) -> None:
            _REPLICA.set(replica)
            while True:
                await asyncio.sleep(self.rng.expovariate(1 / mean))
                while replica.paused:
                    await asyncio.sleep(0.05)
                try:
                    await act()
                except StoreError:
                    continue
                except Exception as error:
                    self._errors.append(error)
                    return

        async def tick() -> None:
            await replica.tick()

        async def read() -> None:
            await replica.request(None)

        async def change() -> None:
            await replica.request(f"c{next(self._numbers)}")

        plan = ((1.0, tick), (0.3, read), (0.9, change))
        self._tasks[name] = [self.loop.create_task(every(*one)) for one in plan]

    def _end(self, name: str) -> None:
        """Kill a replica."""
        for task in self._tasks.pop(name):
            task.cancel()
        replica = next(one for one in self.replicas if one.name == name)
        replica.stopped = True
        self.replicas.remove(replica)

    def _trouble(self) -> None:
        rng, later = self.rng, self.loop.call_later
        replica = rng.choice(self.replicas)
        match rng.choice(("pause", "cut off", "kill", "stop", "restart", "nothing")):
            case "pause":
                replica.paused = True
                later(rng.choice((0.5, 3, 9)), setattr, replica, "paused", False)
            case "cut off":
                replica.cut_off = True
                later(rng.choice((0.5, 3, 9)), setattr, replica, "cut_off", False)
            case "kill":
                self._end(replica.name)
                self._start(f"r{next(self._numbers)}")
            case "stop":
                self.loop.create_task(self._stop(replica))
            case "restart" if self._up:
                self._up = False
                later(rng.choice((0.1, 2, 8)), self._server_up)

    async def _stop(self, replica: Replica) -> None:
        _REPLICA.set(replica)
        with suppress(StoreError):
            await replica.stop()

    def _server_up(self) -> None:
        state = self.server.state
        if self.troubles.forgets:
            lost = self.rng.uniform(0, 1.5)
            kept = [one for at, one in self._disk if at <= self.loop.time() - lost]
            state = kept[-1] if kept else None
        self.server = ValkeyModel(self._server_time)
        self.server.state = None if state is None else state.copy()
        self.server.has_format = state is not None
        self._up = True

    async def send(self, replica: Replica, work: Callable[[ValkeyModel], Any]) -> Any:
        """Send a message to the server and wait for its reply."""
        if not self._up and self.rng.random() < 0.7:
            raise redis.ConnectionError("refused")
        reply: asyncio.Future[Any] = self.loop.create_future()
        delay = self._delay(replica)
        if delay is not None:
            self.loop.call_later(delay, self._arrived, replica, work, reply)
        found = await reply
        while replica.paused:
            await asyncio.sleep(0.05)
        return found

    def _arrived(
        self, replica: Replica, work: Callable[[ValkeyModel], Any], reply: "asyncio.Future[Any]"
    ) -> None:
        if not self._up:
            return
        found = work(self.server)
        if self.troubles.forgets and self.server.state is not None:
            self._disk.append((self.loop.time(), self.server.state.copy()))
        delay = self._delay(replica)
        if delay is not None:
            self.loop.call_later(delay, lambda: reply.done() or reply.set_result(found))

    def _delay(self, replica: Replica) -> float | None:
        rng = self.rng
        if replica.cut_off or rng.random() < self.troubles.lost:
            return None
        return rng.uniform(0.3, 4) if rng.random() < self.troubles.late else rng.uniform(0, 0.01)


@contextmanager
def simulated() -> Iterator[Callable[[int, Troubles, float], History]]:
    """Yield a function that runs the schedule of a seed."""
    loop = VirtualLoop()

    async def at_once(function: Callable[[], Any], *given: Any) -> Any:
        return function(*given)

    def run(seed: int, troubles: Troubles, seconds: float) -> History:
        return loop.run_until_complete(Simulation(loop, seed, troubles).run(seconds))

    with (
        patch("mock_server.store.valkey.awake_or_not", lambda: _REPLICA.get().local()),
        patch("mock_server.store.valkey.ValkeyStore._check", lambda *_: None),
        patch("asyncio.to_thread", at_once),
    ):
        try:
            yield run
        finally:
            loop.close()
