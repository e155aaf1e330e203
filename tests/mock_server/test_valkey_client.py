"""Connections with the server of a store."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("redis")

from valkey_server import ValkeyServer

from mock_server.store.valkey_client import ValkeyClient

SCRIPT = "return {'ok', KEYS[1], ARGV[1]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@asynccontextmanager
async def connected(server: ValkeyServer) -> AsyncIterator[ValkeyClient]:
    client = ValkeyClient(f"redis://127.0.0.1:{server.port}/0", 10)
    try:
        yield client
    finally:
        await client.aclose()


def test_a_script_that_the_server_has_forgotten_is_sent_again(server: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(server) as client:
            for _ in range(2):
                assert await client.eval(SCRIPT, "key", "a") == [b"ok", b"key", b"a"]
                with server.client() as other:
                    assert other.script_flush()

    asyncio.run(check())


def test_a_connection_that_the_server_has_closed_is_replaced(server: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(server) as client:
            for number in range(3):
                assert (await client.eval(SCRIPT, "key", str(number)))[2] == b"%d" % number
                with server.client() as other:
                    other.client_kill_filter(_type="normal", skipme=True)
                while not await client._idle[0].can_read():
                    await asyncio.sleep(0)

    asyncio.run(check())


def test_a_reply_that_was_not_awaited_is_not_that_of_another_command(server: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(server) as client:
            await client.eval(SCRIPT, "key", "first")
            with server.client() as other:
                other.client_pause(100)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await client.eval(SCRIPT, "key", "late")
            assert (await client.eval(SCRIPT, "key", "next"))[2] == b"next"

    asyncio.run(check())


def test_more_commands_at_once_than_connections(server: ValkeyServer) -> None:
    async def check() -> None:
        async with connected(server) as client:
            work = (client.eval(SCRIPT, "key", str(number)) for number in range(150))
            found = await asyncio.gather(*work)
            assert [one[2] for one in found] == [b"%d" % number for number in range(150)]
            with server.client() as other:
                assert len(other.client_list(_type="normal")) < 50

    asyncio.run(check())
