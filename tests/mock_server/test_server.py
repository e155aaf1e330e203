"""How answers are put on the wire."""

import asyncio
from unittest.mock import Mock

from mock_server.transport import CoalescingTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def test_head_and_body_are_written_together() -> None:
    """One write for a whole answer, and one each for what a stream sends later."""

    async def written() -> list[bytes]:
        transport = Mock()
        connection = CoalescingTransport(transport, asyncio.get_running_loop())
        for part in (HEAD, b"{}", b"more"):
            connection.write(part)
        await asyncio.sleep(0)
        return [call.args[0] for call in transport.write.call_args_list]

    assert asyncio.run(written()) == [HEAD + b"{}", b"more"]


def test_a_head_that_nothing_follows_does_not_wait() -> None:
    """A stream's head goes out at the next turn of the loop, and before the connection ends."""

    async def written(end: str | None) -> list[str]:
        transport = Mock()
        connection = CoalescingTransport(transport, asyncio.get_running_loop())
        connection.write(HEAD)
        if end is None:
            await asyncio.sleep(0)
        else:
            getattr(connection, end)()
        return [name for name, _, _ in transport.method_calls]

    assert asyncio.run(written(None)) == ["write"]
    assert asyncio.run(written("close")) == ["write", "close"]
    assert asyncio.run(written("abort")) == ["write", "abort"]
