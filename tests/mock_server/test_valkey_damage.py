"""Worlds in Valkey that are damaged: what is refused, and listed."""

import asyncio
import zlib
from typing import Any

import pytest

pytest.importorskip("redis")

from stored_mock import COMMANDS, CREATE, WORLD, StoredMock
from valkey_server import ValkeyServer, store_at

from mock_server.errors import HttpError
from mock_server.store import record
from mock_server.store.location import list_at


@pytest.mark.parametrize("kind", ["log", "snapshot"])
def test_records_that_vanish_are_noticed(location: str, valkey: ValkeyServer, kind: str) -> None:
    """A world never opens with less than what was acknowledged, and the list says so."""

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do_all(COMMANDS)
            await mock.keeper.stop()
        with valkey.client() as client:
            [key] = client.keys(f"runs-mock:{{{WORLD}}}:{kind}:*")
            client.rpop(key) if kind == "log" else client.delete(key)
        async with store_at(location) as store:
            with pytest.raises(HttpError, match="cannot be read"):
                await StoredMock(store).open()
            [stored] = await store.list_worlds()
            assert kind in str(stored.problem)

    asyncio.run(check())


def zipped(*records: bytes) -> bytes:
    return zlib.compress(b"".join(records))


CHECKSUM = "the record does not match its checksum"
DAMAGE = {
    "record of a log": f"log 1:2: {CHECKSUM}",
    "record of a snapshot": f"snapshot 1:3: {CHECKSUM}",
    "run": "snapshot 1: expected 0 runs, got -1",
    "version": "snapshot 1:1: expected version 1, got 9, written by runs-mock 7.0.0",
    "compression": "snapshot 1: it cannot be decompressed",
    "number of records": "log 1: expected 5 records, got 4",
    "snapshot": "its snapshot is missing",
    "type": f"runs-mock:{{{WORLD}}}: expected what a mock stores, got a key of another type",
}
"""What is said of each kind of damage."""


def damage(client: Any, kind: str) -> None:
    """Damage the stored world in that way."""
    key = f"runs-mock:{{{WORLD}}}"
    [log], [snapshot] = (client.keys(f"{key}:{one}:*") for one in ("log", "snapshot"))
    records = record.split(zlib.decompress(client.get(snapshot)))
    match kind:
        case "record of a log":
            client.lset(log, 1, b"00000000 {}\n")
        case "record of a snapshot":
            client.set(snapshot, zipped(*records[:-1], b"00000000 {}\n"))
        case "run":
            client.set(snapshot, zipped(*records[:-1]))
        case "version":
            newer = record.decode(records[0], "") | {"version": 9, "mock": "7.0.0"}
            client.set(snapshot, zipped(record.encode(newer), *records[1:]))
        case "compression":
            client.setrange(snapshot, 8, b"12345678")
        case "number of records":
            client.rpop(log)
        case "snapshot":
            client.delete(snapshot)
        case "type":
            client.set(log, "text")


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_list_checks_what_loading_checks(location: str, valkey: ValkeyServer, kind: str) -> None:
    """And both name the same place."""

    async def store_one() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do_all(COMMANDS)
            await mock.keeper.stop()

    async def load() -> str:
        async with store_at(location) as store:
            with pytest.raises(HttpError) as caught:
                await StoredMock(store).open()
            return caught.value.reason

    asyncio.run(store_one())
    assert [one.problem for one in list_at(location)] == [None]
    with valkey.client() as client:
        damage(client, kind)
    reason = asyncio.run(load())
    [stored] = list_at(location)
    assert stored.problem is not None
    assert reason == f"The stored world {WORLD!r} cannot be read: {stored.problem}"
    assert stored.problem.startswith(DAMAGE[kind])


@pytest.mark.parametrize(
    "fields",
    [None, {"snapshot": "x", "generation": "y"}, {"snapshot": 1, "generation": 1}],
    ids=["no hash", "no numbers", "no head"],
)
def test_one_world_that_is_damaged_is_its_own_problem(
    location: str, valkey: ValkeyServer, fields: dict[str, str | int] | None
) -> None:
    """The others are listed and open, and the mock is ready."""
    key = "runs-mock:{test-bad}"

    async def check() -> None:
        async with store_at(location) as store:
            mock = StoredMock(store)
            await mock.do(*CREATE)
            with valkey.client() as client:
                if fields is None:
                    client.set(key, "text")
                else:
                    client.hset(key, mapping=fields)
            listed = {one.name: one.problem for one in await store.list_worlds()}
            assert listed.pop(WORLD) is None
            assert listed["test-bad"]
            if fields is None:
                assert listed["test-bad"].startswith(f"{key}: expected what a mock stores, got")
            await mock.keeper.tick()
            with pytest.raises(HttpError, match=r"Re(move|set) the world"):
                await mock.open("test-bad")
            assert mock.keeper.problem is None
            assert len(await mock.open()) == 1

    asyncio.run(check())
