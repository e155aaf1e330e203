"""What the processes of one mock ask each other: their requests, their runs, and what changes.

The responses are JSON, for requests that came from a peer only.
"""

import asyncio
from collections import OrderedDict
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.cluster.remote_exchange import dump
from mock_server.control.worlds import to_json
from mock_server.engine.run_state import Json
from mock_server.faults.delay import until_disconnected
from mock_server.http.call import BodyResponse, Response
from mock_server.http.explain import Explainer
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal, any_lost
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

SCHEME = "peer"
"""The scheme of requests that a peer makes itself. No client can send it: it stands next to the
secret of the peers."""

PREFIX = "/_cluster/"
CHANGES = f"{PREFIX}changes"
EXCHANGES = f"{PREFIX}exchanges/"
RUNS = f"{PREFIX}runs/"
WITH_REQUESTS = b"requests"

_MAX_WAITING = 1_000
"""Requests that wait to be sent to a peer; beyond them the oldest are left out."""


class InternalApi:
    """Responds to peers about ``worlds``."""

    def __init__(self, worlds: Worlds, explainer: Explainer) -> None:
        self._worlds = worlds
        self._explainer = explainer

    def find(self, scope: Any) -> ASGIApp | None:
        """Return what responds to the request; None where that is the mock."""
        path: str = scope["path"]
        if scope["scheme"] != SCHEME:  # It came from a client, and was forwarded.
            return None
        if path == CHANGES:
            return ChangesStream(
                self._worlds, self._explainer, requests=scope["query_string"] == WITH_REQUESTS
            )
        if path.startswith(EXCHANGES):
            return _application(self._exchanges(path.removeprefix(EXCHANGES)))
        found = self._worlds.run_exists(path.removeprefix(RUNS))
        return _application(BodyResponse.json(found))

    def _exchanges(self, whose: str) -> Response:
        journals: list[Journal] = [self._explainer.unassigned]
        if whose == "all":
            journals += [world.journal for world in self._worlds]
        return BodyResponse.json([dump(one) for journal in journals for one in journal])


def _application(response: Response) -> ASGIApp:
    async def respond(_scope: Scope, receive: Receive, send: Send) -> None:
        await response(receive, send)

    return respond


class ChangesStream:
    """The open worlds and, with ``requests``, each request when its response starts and when it
    ends, and that some were removed: lines of JSON, as long as the peer reads them."""

    def __init__(self, worlds: Worlds, explainer: Explainer, *, requests: bool) -> None:
        self._worlds = worlds
        self._explainer = explainer
        self._requests = requests
        self._awake = asyncio.Event()
        self._changed: OrderedDict[Exchange, None] = OrderedDict()
        self._worlds_changed = True
        self._cleared = self._closed = False
        self._observed: list[Journal] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        worlds = self._worlds
        worlds.observers += (self,)
        self._observe_journals()
        disconnected = asyncio.create_task(until_disconnected(receive))
        disconnected.add_done_callback(lambda _: self.close())
        try:
            await send({"type": "http.response.start", "status": 200})
            while not self._closed:
                body = b"".join(orjson.dumps(line) + b"\n" for line in self._read())
                await send({"type": "http.response.body", "body": body, "more_body": True})
                await self._awake.wait()
                self._awake.clear()
            await send({"type": "http.response.body", "body": b""})
        finally:
            disconnected.cancel()
            self._leave()

    def _read(self) -> list[Json]:
        lines: list[Json] = []
        if self._worlds_changed:
            self._worlds_changed = False
            lines.append({"worlds": [to_json(world) for world in self._worlds]})
        if self._cleared:
            self._cleared = False
            lines.append({"cleared": True})
        changed, self._changed = self._changed, OrderedDict()
        for one in changed:
            entry = self._explainer.entry(one)
            lines.append({"entry": entry, "ended": one.ended is not None, **dump(one)})
        return lines

    def _observe_journals(self) -> None:
        if not self._requests:
            return
        journals = [self._explainer.unassigned, *(world.journal for world in self._worlds)]
        if any_lost(self._observed, journals):
            self.cleared()
        for journal in journals:
            if self not in journal.observers:
                journal.observers += (self,)
        self._observed = journals

    def _leave(self) -> None:
        worlds = self._worlds
        worlds.observers = tuple(one for one in worlds.observers if one is not self)
        for journal in self._observed:
            journal.observers = tuple(one for one in journal.observers if one is not self)
            for exchange in journal:
                exchange.forget_end(self._note)

    def _note(self, exchange: Exchange) -> None:
        self._changed[exchange] = None
        if len(self._changed) > _MAX_WAITING:
            self._changed.popitem(last=False)
        self._awake.set()

    # What is observed.

    def added(self, exchange: Exchange) -> None:
        """Note an exchange whose response starts."""
        exchange.on_end(self._note)
        self._note(exchange)

    def cleared(self) -> None:
        """Note that the exchanges of a journal were removed."""
        self._cleared = True
        self._changed.clear()
        self._awake.set()

    def opened(self, world: World) -> None:
        """Note a world that is opened, maybe in place of another one."""
        self._observe_journals()
        self._worlds_changed = True
        self._awake.set()

    def removed(self, name: str) -> None:
        """Note that the world of that name is gone."""
        self._observe_journals()
        self._worlds_changed = True
        self._awake.set()

    def close(self) -> None:
        """End, because the mock stops or the peer has left."""
        self._closed = True
        self._awake.set()
