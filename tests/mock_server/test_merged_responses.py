"""Responses that are merged from those of several workers."""

import asyncio
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from mock_server.cluster import fetch, merged_responses
from mock_server.cluster.fetch import fetch_all
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.merged_responses import Merged
from mock_server.cluster.ownership import Peer
from mock_server.cluster.remote_worlds import RemoteWorlds
from mock_server.errors import HttpError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

SCOPE: Scope = {
    "type": "http",
    "method": "GET",
    "path": "/_mock/health",
    "raw_path": b"/_mock/health",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "scheme": "http",
    "client": ("127.0.0.1", 50_000),
    "server": ("127.0.0.1", 8_000),
}


def merged(app: Any, address: Path, *received: Message) -> list[Message]:
    """Return what is sent where ``app`` and a worker at ``address`` respond."""
    sent: list[Message] = []
    rest = list(received)

    async def receive() -> Message:
        assert rest, "the body was read"
        return rest.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        peer = Peer("worker 2", str(address))
        await Merged(app, partial(fetch_all, [peer], Forwarder("secret")), merged_responses.first)(
            SCOPE, receive, send
        )

    asyncio.run(run())
    return sent


def responding(status: int) -> Any:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


def test_a_request_without_access_is_rejected_before_its_body_and_any_worker(
    tmp_path: Path,
) -> None:
    sent = merged(responding(401), tmp_path / "nothing")
    assert sent[0]["status"] == 401


def test_the_end_of_the_client_is_not_the_end_of_the_body(tmp_path: Path) -> None:
    """So nothing is carried out with a part of it."""
    seen = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        seen.extend([await receive(), await receive()])

    part = {"type": "http.request", "body": b"{", "more_body": True}
    left = {"type": "http.disconnect"}
    assert merged(app, tmp_path / "nothing", part, left) == []
    assert seen == [part, left]


def test_a_worker_that_stands_still_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections, and says nothing."""
    monkeypatch.setattr(fetch, "PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "w"))
        listener.listen(4)
        sent = merged(responding(200), tmp_path / "w")
    assert sent[0]["status"] == 503
    assert b"no response in time" in sent[1]["body"]


def test_a_worker_that_stands_still_is_503_where_another_asks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "w"))
        listener.listen(4)
        worlds = RemoteWorlds(Forwarder("secret"), [Peer("worker 2", str(tmp_path / "w"))])
        with pytest.raises(HttpError) as caught:
            asyncio.run(worlds.run_exists("1"))
    assert caught.value.status == 503
