"""What Valkey refuses, and connections that end: what a mock does then."""

import asyncio

import pytest

pytest.importorskip("redis")

from stored_mock import CREATE, StoredMock
from valkey_server import ValkeyServer, store_at

from mock_server.errors import HttpError, UsageError
from mock_server.store.valkey import ValkeyStore


def test_a_server_without_memory_refuses_changes_and_lets_worlds_be_owned(
    location: str, valkey: ValkeyServer
) -> None:
    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            epoch = await store.claim("test-other")
            with valkey.full():
                with pytest.raises(
                    HttpError, match=r"runs-mock worlds remove\), or raise its maxmemory"
                ):
                    await mock.do(*CREATE)
                await store.confirm("test-other", epoch)
                await store.release("test-other", epoch)
                await store.claim("test-other")
                await mock.keeper.stop()
                async with store_at(location) as next_store:
                    other = StoredMock(next_store)
                    await other.open()
                    await other.keeper.stop()
        async with store_at(location) as store:
            await StoredMock(store).do(*CREATE)

    asyncio.run(check())


def test_a_world_that_could_not_be_stored_is_not_owned(location: str, valkey: ValkeyServer) -> None:
    """Else its lease would be renewed, and every other mock refused."""

    async def check() -> None:
        async with store_at(location) as store, store_at(location) as next_store:
            mock = StoredMock(store)
            with valkey.full(), pytest.raises(HttpError, match="memory"):
                await mock.open()
            await mock.keeper.tick()
            await StoredMock(next_store).open()

    asyncio.run(check())


def test_a_full_server_is_logged_once_and_can_be_read(
    location: str, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """So a load balancer goes on to send reads."""

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            with valkey.full():
                for _ in range(3):
                    with pytest.raises(HttpError, match="memory"):
                        await mock.do(*CREATE)
                    await mock.keeper.tick()
                    assert mock.keeper.problem is None
            await mock.do(*CREATE)
        full, room = (one.message for one in caplog.records)
        assert " is full, and changes are refused: " in full
        assert room.endswith(" has room again")

    asyncio.run(check())


def test_a_missing_password_is_asked_for(location: str, valkey: ValkeyServer) -> None:
    with valkey.client() as client:
        client.config_set("requirepass", "secret")
        try:
            with pytest.raises(UsageError, match="it asks for a password: valkey://:PASSWORD@HOST"):
                ValkeyStore(location)
        finally:
            client.config_set("requirepass", "")


def test_a_claim_survives_a_connection_that_has_ended(location: str, valkey: ValkeyServer) -> None:
    """The one that was idle seems open until a command is sent."""

    async def check() -> None:
        async with store_at(location) as store:
            await store.claim("test-one")
            real, failed = store._client.eval, []

            async def ending(*given: str, **options: float) -> object:
                if not failed:
                    failed.append(True)
                    raise ConnectionResetError
                return await real(*given, **options)

            store._client.eval = ending  # type: ignore[method-assign, assignment]
            assert await store.claim("test-two")
            assert failed

    asyncio.run(check())
