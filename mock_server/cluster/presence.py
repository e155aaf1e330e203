"""The presence of a replica: the others learn from the store that it is there, and where."""

import asyncio
import logging
from typing import NamedTuple, Protocol

from mock_server.cluster.number_blocks import NumberBlocks
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import RemoteWorlds
from mock_server.cluster.replica_sessions import MAX_AGE, ReplicaSessions
from mock_server.store.failures import Failures
from mock_server.store.store import Meeting, Notice, StoreError

TICK = 1.0
"""Real seconds between two meetings."""

log = logging.getLogger("mock_server")


class InCommon(NamedTuple):
    """What replicas have in common, apart from worlds: the arguments of the mock of one."""

    sessions: ReplicaSessions
    numbers: NumberBlocks


def in_common(token: str | None) -> InCommon:
    """Return what replicas have in common, for one with that token."""
    return InCommon(ReplicaSessions(token), NumberBlocks())


class MeetingPlace(Protocol):
    """The store, as far as it is needed here."""

    @property
    def secret(self) -> str:
        """What the mocks that share it know, and no client."""

    def earliest(self) -> int:
        """Return an instant that is not after the present one, by the clock of the store."""

    async def meet(self, notice: Notice) -> Meeting:
        """Be there, or leave. Raise StoreError."""


class Presence:
    """Meets the other replicas in ``store`` now and then, as the one at the URL ``own``."""

    def __init__(
        self,
        store: MeetingPlace,
        failures: Failures,
        own: str,
        worlds: RemoteWorlds,
        common: InCommon,
    ) -> None:
        self._store = store
        self._failures = failures
        self._own = own
        self._worlds = worlds
        self._sessions, self._numbers = common
        self._sessions.secret = lambda: store.secret
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Meet the others, and again now and then."""
        await self._meet()
        self._task = asyncio.create_task(self._run())

    async def leave(self) -> None:
        """Be there no longer; without an effect for one that has not started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            await self._meet(leaving=True)
            self._worlds.met([])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._meet()

    async def _meet(self, *, leaving: bool = False) -> None:
        try:
            await self._attempt(leaving=leaving)
        except Exception:  # The next one may succeed, and worlds have to be released.
            log.exception("meeting the other replicas failed")

    async def _attempt(self, *, leaving: bool) -> None:
        ended = list(self._sessions.unsent)
        numbers = self._numbers
        needs = numbers.wanted and not leaving
        notice = Notice(ended, MAX_AGE, numbers.block, numbers.used, needs, leaving)
        try:
            met = await self._store.meet(notice)
        except StoreError as error:
            self._failures.note(error)
            return
        self._failures.look()
        self._sessions.now = self._store.earliest  # It is known only now.
        self._sessions.met(ended, met.ended)
        self._worlds.met([Peer(url, url) for url in met.urls if url != self._own])
        if met.block is not None:
            numbers.take(met.block)
