"""Connections with the server of a store."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("redis")

import redis
from valkey_server import ValkeyServer

from mock_server.store.valkey_client import ValkeyClient

SCRIPT = "return {'ok', KEYS[1], ARGV[1]}"
WRONG = "redis.call('SET', KEYS[1], 1) return redis.call('LLEN', KEYS[1])"
DEADLINE = 30.0


@asynccontextmanager
async def connected(valkey: ValkeyServer) -> AsyncIterator[ValkeyClient]:
    client = ValkeyClient(f"redis://127.0.0.1:{valkey.port}/0")
    try:
        yield client
    finally:
        await client.aclose()


def test_a_script_that_the_server_has_forgotten_is_sent_again(valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            for _ in range(2):
                found = await client.eval(SCRIPT, "key", "a", deadline=DEADLINE)
                assert found == [b"ok", b"key", b"a"]
                with valkey.client() as other:
                    assert other.script_flush()

    asyncio.run(check())


def test_a_connection_that_the_server_has_closed_is_replaced(valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            for number in range(3):
                found = await client.eval(SCRIPT, "key", str(number), deadline=DEADLINE)
                assert found[2] == b"%d" % number
                link = client._free._queue[-1]  # type: ignore[attr-defined]
                assert not link.is_closing()
                with valkey.client() as other:
                    other.client_kill_filter(_type="normal", skipme=True)
                while not link.is_closing():
                    await asyncio.sleep(0)

    asyncio.run(check())


async def by_its_deadline(client: ValkeyClient) -> None:
    await client.eval(SCRIPT, "key", "late", deadline=0.02)


async def by_its_caller(client: ValkeyClient) -> None:
    async with asyncio.timeout(0.02):
        await client.eval(SCRIPT, "key", "late", deadline=DEADLINE)


@pytest.mark.parametrize("give_up", [by_its_deadline, by_its_caller])
def test_a_reply_that_was_not_awaited_is_not_that_of_another_command(
    valkey: ValkeyServer, give_up: Callable[[ValkeyClient], Awaitable[None]]
) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            await client.eval(SCRIPT, "key", "first", deadline=DEADLINE)
            with valkey.client() as other:
                other.client_pause(100)
                with pytest.raises(TimeoutError):
                    await give_up(client)
            assert (await client.eval(SCRIPT, "key", "next", deadline=DEADLINE))[2] == b"next"

    asyncio.run(check())


def test_more_commands_at_once_than_connections(valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            work = (
                client.eval(SCRIPT, "key", str(number), deadline=DEADLINE) for number in range(150)
            )
            found = await asyncio.gather(*work)
            assert [one[2] for one in found] == [b"%d" % number for number in range(150)]
            with valkey.client() as other:
                assert len(other.client_list(_type="normal")) < 50

    asyncio.run(check())


def test_a_command_that_finds_no_free_connection_in_time_fails(valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            with valkey.client() as other:
                other.client_pause(300)
                work = [client.eval(SCRIPT, "key", "long", deadline=DEADLINE) for _ in range(32)]
                waiting = asyncio.gather(*work)
                await asyncio.sleep(0)
                with pytest.raises(TimeoutError):
                    await client.eval(SCRIPT, "key", "short", deadline=0.02)
            assert [one[2] for one in await waiting] == [b"long"] * 32
            assert (await client.eval(SCRIPT, "key", "next", deadline=DEADLINE))[2] == b"next"

    asyncio.run(check())


def test_a_long_reply_arrives_whole(valkey: ValkeyServer) -> None:
    long = "x" * 3_000_000

    async def check() -> None:
        async with connected(valkey) as client:
            found = await client.eval(SCRIPT, long, "a", deadline=DEADLINE)
            assert found == [b"ok", long.encode(), b"a"]

    asyncio.run(check())


def test_an_error_of_a_script_leaves_the_connection_usable(valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(valkey) as client:
            for _ in range(2):
                with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                    await client.eval(WRONG, "key", deadline=DEADLINE)
            assert (await client.eval(SCRIPT, "key", "next", deadline=DEADLINE))[2] == b"next"
            with valkey.client() as other:
                assert len(other.client_list(_type="normal")) == 2

    asyncio.run(check())


@pytest.mark.parametrize("reply", [b"!\r\n", b"+OK\r\n+OK\r\n", b""], ids=["odd", "two", "none"])
def test_what_does_not_speak_the_protocol_is_an_error(reply: bytes) -> None:
    async def respond(commands: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"EVALSHA" not in (received := await commands.read(65_536)):
            writer.write(b"+OK\r\n" * received.count(b"SETINFO"))
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    async def check() -> None:
        listener = await asyncio.start_server(respond, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = ValkeyClient(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(redis.RedisError):
            await client.eval(SCRIPT, "key", "a", deadline=DEADLINE)
        await client.aclose()
        listener.close()

    asyncio.run(check())


def test_an_end_while_the_connection_is_made_is_noticed_at_once(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The streams of the library have it, and nothing else would."""
    connect = asyncio.open_connection

    async def ended(*given: Any, **options: Any) -> Any:
        commands, writer = await connect(*given, **options)
        feed = commands.feed_data

        def feed_and_end(data: bytes) -> None:
            feed(data)
            commands.feed_eof()

        commands.feed_data = feed_and_end
        return commands, writer

    async def check() -> None:
        async with connected(valkey) as client:
            with pytest.raises(redis.ConnectionError):
                await client.eval(SCRIPT, "key", "a", deadline=DEADLINE)

    monkeypatch.setattr(asyncio, "open_connection", ended)
    asyncio.run(check())


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop")
def test_a_connection_that_is_closed_while_it_is_made_is_an_error_of_the_library(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvloop raises an error of another kind."""
    import uvloop  # noqa: PLC0415

    connect = asyncio.open_connection

    async def closed(*given: Any, **options: Any) -> Any:
        commands, writer = await connect(*given, **options)
        writer.transport.abort()
        await asyncio.sleep(0)
        return commands, writer

    async def check() -> None:
        async with connected(valkey) as client:
            with pytest.raises((redis.ConnectionError, OSError)):
                await client.eval(SCRIPT, "key", "a", deadline=DEADLINE)

    monkeypatch.setattr(asyncio, "open_connection", closed)
    uvloop.run(check())
