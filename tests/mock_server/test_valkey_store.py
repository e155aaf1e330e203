"""Worlds in Valkey: one owner each, whatever requests are late, lost or repeated."""

import asyncio

import pytest
from stored_mock import COMMANDS, CREATE, WORLD, StoredMock
from valkey_server import ValkeyServer, store_at

from mock_server.errors import HttpError, UsageError
from mock_server.store import record, valkey_scripts
from mock_server.store.location import list_at
from mock_server.store.store import DamagedError, GoneError, LostError, StoreError, header
from mock_server.store.valkey import ValkeyStore


async def expire_lease(valkey: ValkeyServer) -> None:
    """Let the lease of the world have ended."""
    with valkey.client() as client:
        client.hset(f"runs-mock:{{{WORLD}}}", "until", 0)


def test_worlds_survive_a_restart_of_the_mock_and_of_valkey(
    location: str, valkey: ValkeyServer
) -> None:
    """To the byte, also with a snapshot in between, and without a stop."""

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do_all(COMMANDS)
            await mock.keeper._snapshots.begin(mock.keeper._kept[WORLD], await mock.open())
            await mock.do(*CREATE)
            await mock.compacted()
            await mock.do(*CREATE)
            live = await mock.export()
            valkey.kill()
            valkey.start_again()
            await mock.do_all([("freezeClock", {}, {})])
            assert await mock.export() == live
        await expire_lease(valkey)
        async with store_at(location) as store:
            mock = StoredMock(store)
            assert await mock.export() == live
            [stored] = await store.list_worlds()
            # One of them says from which instant the world goes on.
            assert (stored.name, stored.head["runs"], stored.commands) == (WORLD, 2, 4)
            await mock.keeper.stop()
        async with store_at(location) as store:  # A mock that has stopped has no lease.
            assert await StoredMock(store).export() == live

    asyncio.run(check())


def test_a_world_has_one_owner(
    location: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second mock is refused while the first has its lease; after that, the first is."""
    monkeypatch.setattr("mock_server.store.lease.RENEW_AFTER", 0)

    async def check() -> None:
        async with store_at(location) as one, store_at(location) as other:
            first = StoredMock(one)
            await first.do(*CREATE)
            epoch = first.keeper._kept[WORLD].epoch
            with pytest.raises(LostError, match=r"it belongs to .*:\d+"):
                await other.claim(WORLD)
            await expire_lease(valkey)
            taken = await other.claim(WORLD)
            assert taken > epoch
            with pytest.raises(HttpError, match="another mock's"):
                await first.do(*CREATE)
            assert WORLD not in first.worlds
            assert (await one.renew({WORLD: epoch})).lost == [WORLD]
            with pytest.raises(HttpError, match="another mock's"):
                await first.open()
            await other.release(WORLD, taken)
            assert len(await first.open()) == 1

    asyncio.run(check())


def test_of_many_mocks_that_claim_at_once_one_succeeds(location: str) -> None:
    async def check() -> None:
        stores = [ValkeyStore(location) for _ in range(8)]
        claims = await asyncio.gather(*(one.claim(WORLD) for one in stores), return_exceptions=True)
        assert sum(isinstance(claim, int) for claim in claims) == 1
        assert sum(isinstance(claim, LostError) for claim in claims) == 7
        for one in stores:
            await one.close()

    asyncio.run(check())


def test_a_request_that_arrives_after_a_later_one_is_refused(location: str) -> None:
    """And what it had appended without a response is removed by the next."""

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            epoch = mock.keeper._kept[WORLD].epoch
            owned = store._owned[WORLD]
            place = (*owned.place, b"unacknowledged\n")
            await store._fenced(WORLD, valkey_scripts.APPEND, epoch, *place)
            await mock.do(*CREATE)
            store._attempts = 0
            with pytest.raises(StoreError, match="a later request"):
                await store._fenced(WORLD, valkey_scripts.APPEND, epoch, *place)
            store._attempts = 1_000
            live = await mock.export()
            await mock.keeper.stop()
        async with store_at(location) as store:
            assert await StoredMock(store).export() == live

    asyncio.run(check())


def test_a_server_that_is_down_or_slow_refuses_changes_and_not_reads(
    location: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the deadline, as long as the mock is certain to be the owner; then worlds close."""
    monkeypatch.setattr("mock_server.store.lease.RENEW_AFTER", 0)

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            live = await mock.export()
            valkey.pause()
            try:
                with pytest.raises(HttpError, match="no response within 1 s") as caught:
                    await mock.do(*CREATE)
                assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
                assert await mock.export() == live
            finally:
                valkey.resume()
            await mock.do(*CREATE)
            assert len(await mock.open()) == 2
            valkey.kill()
            try:
                store._owned[WORLD]._certain_until += 1_000
                await mock.keeper.tick()
                assert len(await mock.open()) == 2
                with pytest.raises(HttpError, match="connect"):
                    await mock.do(*CREATE)
                store._owned[WORLD].end()
                await mock.keeper.tick()
                assert WORLD not in mock.worlds
                with pytest.raises(HttpError, match="connect"):
                    await mock.open()
            finally:
                valkey.start_again()
            assert len(await mock.open()) == 2

    asyncio.run(check())


def test_a_server_that_has_lost_everything_gets_it_again(
    location: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the memory of the mock: with the next change, or by itself."""
    monkeypatch.setattr("mock_server.store.lease.RENEW_AFTER", 0)

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            for change in (lambda: mock.do(*CREATE), mock.keeper.tick):
                await mock.do(*CREATE)
                with valkey.client() as client:
                    client.flushall()
                await change()
                [stored] = await store.list_worlds()
                assert stored.name == WORLD
            live = await mock.export()
            await mock.keeper.stop()
        async with store_at(location) as store:
            assert await StoredMock(store).export() == live

    asyncio.run(check())


@pytest.mark.parametrize("restored", [True, False])
def test_mocks_agree_on_one_secret_after_it_is_lost(
    location: str, valkey: ValkeyServer, restored: bool
) -> None:
    """That of the first to need it: a mock that owns a world, or one that has just started."""

    async def check() -> None:
        one, two = (ValkeyStore(location, f"http://{name}") for name in "ab")
        former = one.secret
        assert two.secret == former != ""
        epoch = await one.claim(WORLD)
        with valkey.client() as client:
            client.delete("runs-mock:secret")
        if restored:
            await one.confirm(WORLD, epoch)
        new = ValkeyStore(location, "http://c")
        assert (new.secret == former) is restored
        await one.confirm(WORLD, epoch)
        with pytest.raises(LostError):
            await two.claim(WORLD)
        with valkey.client() as client:
            client.flushall()
        await two.claim(WORLD)
        assert one.secret == two.secret == new.secret
        assert ValkeyStore(location, "http://d").secret == new.secret
        for store in (one, two, new):
            await store.close()

    asyncio.run(check())


def test_logs_of_several_generations_are_complete(location: str, valkey: ValkeyServer) -> None:
    """Also one that was trimmed; what is removed with a snapshot is not counted."""

    async def check() -> None:
        async with store_at(location) as store:
            epoch = await store.claim(WORLD)
            await store.rotate(WORLD, epoch)
            await store.snapshot(WORLD, epoch, 1, [b"head\n"])
            await store.append(WORLD, epoch, [b"1\n", b"2\n"])
            await store._fenced(WORLD, valkey_scripts.APPEND, epoch, "1", "2", b"doubtful\n")
            await store.rotate(WORLD, epoch)
            await store.append(WORLD, epoch, [b"3\n"])
            saved = await store.load(WORLD, epoch)
            assert saved is not None
            assert saved.logs == [[b"1\n", b"2\n"], [b"3\n"]]
            key = f"runs-mock:{{{WORLD}}}"
            with valkey.client() as client:
                assert client.hmget(key, "count:1", "count:2") == [b"2", b"1"]
                client.delete(f"{key}:log:1")
                with pytest.raises(DamagedError, match="log 1: expected 2 records, got 0"):
                    await store.load(WORLD, epoch)
                await store.snapshot(WORLD, epoch, 2, [b"head\n"])
                assert client.hmget(key, "count:1", "count:2") == [None, b"1"]
            assert await store.load(WORLD, epoch) is not None

    asyncio.run(check())


def test_a_list_writes_nothing(location: str, valkey: ValkeyServer) -> None:
    assert list_at(location) == []
    with valkey.client() as client:
        assert client.keys("*") == []


def test_idle_worlds_expire_unless_a_mock_has_them(location: str, valkey: ValkeyServer) -> None:
    async def check() -> None:
        async with store_at(location) as store, store_at(location) as other:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            await other.delete(WORLD)
            assert len(await other.list_worlds()) == 1
            await mock.keeper.stop()
        async with store_at(location) as store:
            await store.delete(WORLD)
            with valkey.client() as client:
                assert client.keys("*") == [b"runs-mock:format"]
            with pytest.raises(GoneError):
                await store._fenced(WORLD, valkey_scripts.RENEW, 1)

    asyncio.run(check())


def test_another_version_is_refused(location: str, valkey: ValkeyServer) -> None:
    """With the one that wrote it; another prefix is another store."""
    with valkey.client() as client:
        newer = header() | {"version": 9, "mock": "7.0.0"}
        client.set("runs-mock:format", record.encode(newer))
    with pytest.raises(UsageError, match=r"got 9, written by runs-mock 7\.0\.0"):
        ValkeyStore(location)
    asyncio.run(ValkeyStore(f"{location}?prefix=mine").close())
