"""How responses are written to a connection."""

import asyncio
import socket
import struct
from unittest.mock import Mock

import pytest

from mock_server.response_cycle import ResponseCycle
from mock_server.transport import CoalescingTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def test_head_and_body_are_written_together() -> None:
    """A whole response is one write, and so is each later part of a stream."""

    async def written() -> list[bytes]:
        transport = Mock()
        connection = CoalescingTransport(transport, asyncio.get_running_loop())
        connection.write_head(HEAD)
        connection.write(b"{}")
        connection.write(b"more")
        await asyncio.sleep(0)
        return [call.args[0] for call in transport.write.call_args_list]

    assert asyncio.run(written()) == [HEAD + b"{}", b"more"]


def test_a_head_that_nothing_follows_does_not_wait() -> None:
    """A stream's head goes out at the next turn of the loop, and before the connection ends."""

    async def written(end: str | None) -> list[str]:
        transport = Mock()
        connection = CoalescingTransport(transport, asyncio.get_running_loop())
        connection.write_head(HEAD)
        if end is None:
            await asyncio.sleep(0)
        else:
            getattr(connection, end)()
        return [name for name, _, _ in transport.method_calls]

    assert asyncio.run(written(None)) == ["write"]
    assert asyncio.run(written("close")) == ["write", "close"]
    assert asyncio.run(written("abort")) == ["write", "abort"]


def test_the_end_of_a_connection_that_the_client_has_reset() -> None:
    """Nothing is raised, and the connection is closed; the loop does not know of the reset yet."""

    async def end() -> bool:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        CoalescingTransport(transport, loop).write_eof()
        return transport.is_closing()

    assert asyncio.run(end())


def test_a_header_field_cannot_begin_another() -> None:
    """A response whose field has a line break is not written."""

    async def send() -> Mock:
        transport = Mock()
        cycle = ResponseCycle(
            scope={"type": "http", "method": "GET", "http_version": "1.1"},
            transport=CoalescingTransport(transport, asyncio.get_running_loop()),  # type: ignore[arg-type]
            flow=Mock(write_paused=False),
            logger=Mock(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=Mock(),
        )
        headers = [(b"location", b"/a\r\nset-cookie: b=c")]
        with pytest.raises(RuntimeError, match="control character"):
            await cycle.send({"type": "http.response.start", "status": 200, "headers": headers})
        return transport

    asyncio.run(send()).write.assert_not_called()
