"""The URL that a mock advertises: whether requests to it reach this mock.

Other mocks forward requests there, so a mistake would show itself as 503 in their responses only.
"""

import asyncio
import logging

import orjson
from starlette.types import Receive, Scope, Send

from mock_server.cluster.fetch import fetch
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import CONNECT_SECONDS, Peer
from mock_server.cluster.remote_worlds import request
from mock_server.engine.randomness import new_token
from mock_server.http.call import BodyResponse

PATH = "/_cluster/identity"

_ATTEMPTS = 5
_PAUSE = 1.0
"""Real seconds between two attempts: a name may be known only after the start."""

log = logging.getLogger("mock_server")


class AdvertisedUrl:
    """The URL of this mock; ``identity`` is the response at ``PATH`` there, to peers only."""

    def __init__(self, url: str, forwarder: Forwarder) -> None:
        self._peer = Peer(url, url)
        self._forwarder = forwarder
        self._identity = new_token()

    async def identify(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, as an application, with what only this mock knows."""
        await BodyResponse.json(self._identity)(receive, send)

    async def check(self) -> None:
        """Log a warning if requests to the URL do not reach this mock."""
        problem = await self._problem()
        for _ in range(_ATTEMPTS - 1):
            if problem is None:
                return
            await asyncio.sleep(_PAUSE)
            problem = await self._problem()
        if problem is not None:
            log.warning(
                "--advertise: expected this mock at %s, got: %s. Name the host and the port at "
                "which other mocks reach this one",
                self._peer.address,
                problem,
            )

    async def _problem(self) -> str | None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reply = await fetch(self._peer, self._forwarder, request(PATH), b"")
        except OSError as error:
            return error.strerror or str(error) or "no response in time"
        return None if reply.body == orjson.dumps(self._identity) else "another service"
