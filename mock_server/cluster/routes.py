"""Who responds to a request among the workers of one mock."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from starlette.types import ASGIApp

from mock_server.cluster import merged_responses
from mock_server.cluster.addressing import Addressing
from mock_server.cluster.connection import Route
from mock_server.cluster.fetch import fetch_all
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.internal_api import InternalApi
from mock_server.cluster.merged_responses import Merge, Merged
from mock_server.cluster.ownership import Peer, rendezvous
from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.http.middleware.control_access import CONTROL
from mock_server.journal.exchange import Headers

_OF_ALL: dict[str, Merge] = {
    f"GET {CONTROL}/health": merged_responses.health,
    f"GET {CONTROL}/ready": merged_responses.first,
    f"GET {CONTROL}/worlds": merged_responses.worlds,
    f"GET {CONTROL}/metrics": merged_responses.metrics,
}
"""The operations to which every worker responds."""

_API = "/api/"
_MAX_KNOWN = 4_096

REQUEST = re.compile(rf"{CONTROL}/requests/(\d{{1,18}})")


class WorkerRoutes:
    """The routes of the worker with that index; a world belongs to the same worker always."""

    assumes = False

    def __init__(
        self,
        peers: Sequence[Peer],
        numbers: SharedNumbers,
        addressing: Addressing,
        app: ASGIApp,
        forwarder: Forwarder,
        internal: InternalApi,
    ) -> None:
        """``numbers.index`` is that of this worker; ``app`` is the mock itself."""
        self._index = numbers.index
        self._peers = peers
        self._numbers = numbers
        self._addressing = addressing
        self._internal = internal
        self._fields = addressing.fields
        self._known: dict[tuple[tuple[bytes, bytes], ...], Peer | None] = {}
        # Of the request before, mostly the same.
        self._headers: Headers | None = None
        self._route: Peer | None = None
        self._names = tuple(peer.name for peer in peers)
        others = [peer for index, peer in enumerate(peers) if index != self._index]
        self._merged: Callable[[Merge], ASGIApp] = lru_cache(
            lambda merge: Merged(app, partial(fetch_all, others, forwarder), merge)
        )

    def owns(self, world: str) -> bool:
        """Return whether the world of that name belongs to this worker."""
        return rendezvous(world, self._names) == self._index

    def owner_of(self, world: str) -> Peer | None:
        """Return the worker that owns the world; None for this one."""
        return self._peer(rendezvous(world, self._names))

    def route(self, scope: Any) -> Route:
        """Return the route of a request that came from a client."""
        headers = scope["headers"]
        if headers == self._headers and scope["path"].startswith(_API):  # Nearly all requests.
            return self._route
        path = self._addressing.path_of(scope)
        if path.startswith(_API):
            self._headers, self._route = headers, self._of_headers(scope)
            return self._route
        if path.startswith(CONTROL):
            merge = self._merge(scope, path)
            if merge is not None:
                return self._merged(merge)
            numbered = REQUEST.fullmatch(path)
            if numbered is not None:
                return self._peer(self._numbers.worker_of(int(numbered[1])))
        return self._of_world(scope)

    def _of_headers(self, scope: Any) -> Peer | None:
        names = self._fields
        fields = tuple([field for field in scope["headers"] if field[0] in names])
        try:
            return self._known[fields]
        except KeyError:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[fields] = self._of_world(scope)
            return found

    def _of_world(self, scope: Any) -> Peer | None:
        world = self._addressing.world_of(scope)
        return None if world is None else self.owner_of(world)

    def between_peers(self, scope: Any) -> ASGIApp | None:
        """Return what responds to a request that came from a peer; None for the mock."""
        return self._internal.find(scope)

    def _merge(self, scope: Any, path: str) -> Merge | None:
        """Return how the responses of all workers are merged; None for those of one."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        line = f"{method} {path}"
        return _OF_ALL.get(line) or merged_responses.of_journals(scope, line)

    def _peer(self, index: int) -> Peer | None:
        return None if index == self._index else self._peers[index]
