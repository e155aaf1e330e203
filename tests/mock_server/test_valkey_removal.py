"""Removing worlds from Valkey: those that a mock owns stay."""

import asyncio

import pytest

pytest.importorskip("redis")

from stored_mock import CREATE, WORLD, StoredMock
from valkey_server import ValkeyServer, store_at

from mock_server.errors import UsageError
from mock_server.store.location import list_at, remove_at
from mock_server.store.valkey import ValkeyStore


def removed_from(location: str, *names: str) -> list[str]:
    found: list[str] = []
    remove_at(location, names, found.append)
    return found


def test_a_world_is_removed_when_its_lease_has_ended(location: str, valkey: ValkeyServer) -> None:
    """Before, an error names its owner, and nothing is removed."""

    async def check() -> None:
        async with store_at(location) as other:
            free = StoredMock(other)
            await free.open("test-free")
            await free.keeper.stop()
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            with pytest.raises(UsageError) as caught:
                await asyncio.to_thread(removed_from, location, "test-free", WORLD)
            assert str(caught.value).startswith(
                f"{WORLD}: expected a world that no mock has open, got one that belongs to "
                f"{store._owner}. Stop that mock"
            )
            await mock.do(*CREATE)
            assert [one.name for one in await store.list_worlds()] == [WORLD, "test-free"]
            await mock.keeper.stop()

    asyncio.run(check())
    assert removed_from(location, WORLD, "test-free") == [WORLD, "test-free"]
    assert list_at(location) == []
    with valkey.client() as client:
        assert client.keys("*") == [b"runs-mock:format"]


def test_a_world_that_is_opened_meanwhile_stays(
    location: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was found to be free."""

    async def store_one() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            await mock.keeper.stop()

    asyncio.run(store_one())
    with valkey.client() as client:
        client.hset(f"runs-mock:{{{WORLD}}}", mapping={"until": 1 << 50, "owner": "other"})
    real, calls = ValkeyStore.owner, 0

    async def late(store: ValkeyStore, name: str) -> str | None:
        nonlocal calls
        calls += 1
        return None if calls == 1 else await real(store, name)

    monkeypatch.setattr(ValkeyStore, "owner", late)
    with pytest.raises(UsageError, match="belongs to other"):
        removed_from(location, WORLD)
    assert [one.name for one in list_at(location)] == [WORLD]


@pytest.mark.parametrize("fields", [None, {"snapshot": "x", "generation": "y", "until": "z"}])
def test_a_damaged_key_is_removed(
    location: str, valkey: ValkeyServer, fields: dict[str, str] | None
) -> None:
    key = "runs-mock:{test-bad}"
    with valkey.client() as client:
        client.set(key, "text") if fields is None else client.hset(key, mapping=fields)
        assert removed_from(location, "test-bad") == ["test-bad"]
        assert client.keys("*") == []
