"""What changes in one world while the live feed has clients for it, and the events that say so."""

import asyncio
from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

import orjson

from mock_server.control.change_log import ChangeLog
from mock_server.engine.run import Run
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal, any_lost
from mock_server.worlds import serialize
from mock_server.worlds.world import World

if TYPE_CHECKING:
    from mock_server.control.feed import Feeds

K = TypeVar("K", bound=Hashable)

MAX_RUNS = 10_000
MAX_REQUESTS = 1_000
"""The changes that a channel keeps for clients that are slow or come back."""

_RUNS_PER_EVENT = 200
_STEPS_PER_EVENT = 400
_REQUESTS_PER_EVENT = 100
_MAX_EVENT_SIZE = 262_144
_MAX_RENDERED = 16
"""Events that are kept until the next change, for other clients at the same position."""


class Topic(StrEnum):
    """What a client can follow."""

    RUNS = "runs"
    REQUESTS = "requests"
    CLOCK = "clock"
    FAULTS = "faults"
    WORLDS = "worlds"


class FeedClient(Protocol):
    """A client of a channel."""

    def wake(self) -> None:
        """Look for changes."""

    def end(self) -> None:
        """End the feed."""


class Channel:
    """The changes of the world of one name, whichever world that is.

    ``journals`` returns the journals of its requests, which may be those of other worlds.
    """

    def __init__(
        self, feeds: "Feeds", world: World, journals: Callable[[World], list[Journal]]
    ) -> None:
        self._feeds = feeds
        self._journals = journals
        self._observed: list[Journal] = []
        self._rendered: dict[tuple[Topic, int], tuple[bytes | None, int]] = {}
        self._rendered_at = 0
        self._clients: set[FeedClient] = set()
        self._wake_scheduled = False
        self.expiry: asyncio.TimerHandle | None = None
        self._begin(world)

    def _begin(self, world: World) -> None:
        """Observe ``world``; what was before it can no longer be resumed."""
        self.world = world
        # A number of its own, because what happened while nothing observed the world had none.
        self._floor = floor = self._feeds.next_number()
        self._runs: ChangeLog[Run] = ChangeLog(MAX_RUNS, floor)
        self._requests: ChangeLog[Exchange] = ChangeLog(MAX_REQUESTS, floor)
        self._latest = {Topic.CLOCK: floor, Topic.FAULTS: floor, Topic.WORLDS: floor}
        self._due = world.next_due
        self._faults, self._faults_may_differ = self._render_faults(), False
        world.observers += (self,)
        world.faults.observers += (self._faults_changed,)
        self.observe_journals()

    def _leave(self) -> None:
        """Stop observing the present world."""
        world, mine = self.world, self._faults_changed
        world.observers = tuple(one for one in world.observers if one is not self)
        world.faults.observers = tuple(one for one in world.faults.observers if one != mine)
        for journal in self._observed:
            journal.observers = tuple(one for one in journal.observers if one is not self)
            for exchange in journal:
                exchange.forget_end(self._ended)
        self._observed = []

    def observe_journals(self) -> None:
        """Observe the journals that are there now."""
        journals = self._journals(self.world)
        if any_lost(self._observed, journals):
            self.cleared()
        for journal in journals:
            if self not in journal.observers:
                journal.observers += (self,)
                for exchange in journal:
                    if exchange.ended is None:
                        exchange.on_end(self._ended)
        self._observed = journals

    def close(self) -> None:
        """Observe nothing any more, and end the feed of every client."""
        self._leave()
        for client in self._clients:
            client.end()
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

    def catch_up(self) -> None:
        """Let the world catch up with its clock, unless it is being replaced."""
        if not self.world.closed:
            self.world.catch_up()

    # Clients.

    @property
    def live(self) -> bool:
        """Whether the channel has a client."""
        return bool(self._clients)

    def join(self, client: FeedClient) -> None:
        """Wake ``client`` after changes."""
        self._clients.add(client)
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        self.world.wakeup.arm()

    def leave(self, client: FeedClient) -> None:
        """Wake ``client`` no longer."""
        self._clients.discard(client)
        if not self._clients:
            self.world.wakeup.arm()  # Cancels the timer.

    # What is observed.

    def run_changed(self, run: Run) -> None:
        """Note an event of ``run``."""
        self._runs.add(run, self._next())

    def added(self, exchange: Exchange) -> None:
        """Note an exchange whose response starts."""
        exchange.on_end(self._ended)
        self._ended(exchange)

    def _ended(self, exchange: Exchange) -> None:
        self._requests.add(exchange, self._next())
        self._faults_may_differ = True

    def cleared(self) -> None:
        """Note that requests were removed, so clients have to read them again."""
        self._requests = ChangeLog(MAX_REQUESTS, self._next())

    def clock_changed(self) -> None:
        """Note that the clock was frozen, resumed, rescaled or moved."""
        self._latest[Topic.CLOCK] = self._next()

    def worlds_changed(self) -> None:
        """Note that other worlds are open than before."""
        self._latest[Topic.WORLDS] = self._next()

    def _faults_changed(self) -> None:
        self.woken()
        self.world.wakeup.arm()

    def woken(self) -> None:
        """Note that a fault rule may have ended."""
        self._faults_may_differ = True
        self.touch()

    def replaced(self, world: World) -> None:
        """Observe ``world`` from now on; every client has to read everything again."""
        self._leave()
        self._begin(world)
        self.touch()
        world.wakeup.arm()

    def touch(self) -> None:
        """Wake the clients soon, once for all that happens until then."""
        if not self._wake_scheduled:
            self._wake_scheduled = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _next(self) -> int:
        self.touch()
        return self._feeds.next_number()

    def _wake(self) -> None:
        self._wake_scheduled = False
        due = self.world.next_due
        if due != self._due:
            self._due = due
            self._latest[Topic.CLOCK] = self._feeds.next_number()
        if self._faults_may_differ:
            self._faults_may_differ = False
            before, self._faults = self._faults, self._render_faults()
            if before != self._faults:
                self._latest[Topic.FAULTS] = self._feeds.next_number()
        for client in self._clients:
            client.wake()

    # The data of events.

    def lost(self, topic: Topic, position: int) -> bool:
        """Return whether changes after ``position`` are no longer known."""
        if position < self._floor:
            return True
        if topic is Topic.RUNS:
            return self._runs.removed_since(position) > 0
        return topic is Topic.REQUESTS and position < self._requests.floor

    def dropped_since(self, position: int) -> int:
        """Count the requests after ``position`` that are no longer known."""
        return self._requests.removed_since(position)

    def read(self, topic: Topic, position: int) -> tuple[bytes | None, int]:
        """Return the data of an event with what has changed after ``position``, None for nothing,
        and the position after it."""
        if self._rendered_at != self._feeds.number or len(self._rendered) >= _MAX_RENDERED:
            self._rendered.clear()
            self._rendered_at = self._feeds.number
        key = topic, position
        found = self._rendered.get(key)
        if found is None:
            found = self._rendered[key] = self._render(topic, position)
        return found

    def _render(self, topic: Topic, position: int) -> tuple[bytes | None, int]:
        match topic:
            case Topic.RUNS:
                return self._runs_since(position)
            case Topic.REQUESTS:
                return self._requests_since(position)
        data = self._show(topic) if self._latest[topic] > position else None
        return data, self._feeds.number

    def _show(self, topic: Topic) -> bytes:
        match topic:
            case Topic.CLOCK:
                return orjson.dumps(self.world.show_clock())
            case Topic.FAULTS:
                return self._faults
            case _:
                return orjson.dumps(self._feeds.list_worlds())

    def _render_faults(self) -> bytes:
        faults = self.world.faults
        faults.expire(self.world.engine.now)
        return orjson.dumps({"items": [one.to_json() for one in faults]})

    def _runs_since(self, position: int) -> tuple[bytes | None, int]:
        changed = self._runs.since(position)
        if not changed:
            return None, self._feeds.number
        world = self.world
        bodies, position = self._taken(changed, world.peek, _RUNS_PER_EVENT)
        steps = self._steps([run for run, _ in changed[: len(bodies)]])
        data = b'{"runs":[%b],"steps":{%b},"total":%d}'
        return data % (b",".join(bodies), b",".join(steps), len(world)), position

    def _steps(self, runs: list[Run]) -> list[bytes]:
        """Return the members of an object with the steps of ``runs``, as long as there is room."""
        style, members, count, size = self.world.style(), [], 0, 0
        for run in runs:
            steps = run.state.steps
            count += len(steps)
            if count > _STEPS_PER_EVENT or size > _MAX_EVENT_SIZE:
                break
            fields = [serialize.step_fields(one, steps, style) for one in steps]
            members.append(b'"%b":%b' % (run.id.encode(), orjson.dumps(fields)))
            size += len(members[-1])
        return members

    def _requests_since(self, position: int) -> tuple[bytes | None, int]:
        changed = self._requests.since(position)
        if not changed:
            return None, self._feeds.number
        entries, position = self._taken(
            changed, lambda one: orjson.dumps(self._feeds.entry(one)), _REQUESTS_PER_EVENT
        )
        return b'{"requests":[%b]}' % b",".join(entries), position

    def _taken(
        self, changed: list[tuple[K, int]], render: Callable[[K], bytes], maximum: int
    ) -> tuple[list[bytes], int]:
        rendered, size = [], 0
        for index, (one, number) in enumerate(changed, 1):
            rendered.append(render(one))
            size += len(rendered[-1])
            if index < len(changed) and (index == maximum or size > _MAX_EVENT_SIZE):
                return rendered, number
        return rendered, self._feeds.number
