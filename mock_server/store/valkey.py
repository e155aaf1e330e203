"""Worlds in Valkey or Redis, for mocks on any number of machines: each world has one owner.

Ownership is a lease by the server's clock, with an epoch: what a former owner sends is refused.
"""

import asyncio
import math
import os
import socket
import zlib
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Self, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry as BlockingRetry

from mock_server.engine.clock import awake_or_not
from mock_server.engine.randomness import new_token
from mock_server.errors import UsageError, one_line
from mock_server.store import (
    record,
    valkey_address,
    valkey_listing,
    valkey_replies,
    valkey_scripts,
)
from mock_server.store.lease import LEASE, Lease
from mock_server.store.server_clock import ServerClock
from mock_server.store.store import (
    DamagedError,
    FullError,
    GoneError,
    LostError,
    Meeting,
    Notice,
    Renewal,
    Saved,
    Stored,
    StoreError,
    check_version,
    header,
)
from mock_server.store.valkey_client import ValkeyClient

T = TypeVar("T")

DEADLINE = 1.0
"""Seconds within which the server has to respond, and those for a complete world."""
LONG_DEADLINE = 10.0
_LISTING_DEADLINE = 600.0
"""Seconds for the content of all worlds."""

_LEASE_MS = str(round(LEASE * 1_000))
_FORGETFUL_MS = _LEASE_MS
"""Milliseconds after its start in which a server may have forgotten the last claims."""

_PREFIX = "runs-mock"


class _Owned(Lease):
    """A world that this process owns; a block with it has its log for itself."""

    __slots__ = ("_lock",)

    def __init__(self, epoch: int, sent: float) -> None:
        super().__init__(epoch, sent)
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._lock.acquire()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._lock.release()


class ValkeyStore:
    """The worlds in the database at ``location``; ``advertised`` is the URL of this mock for other
    mocks, if they can reach it. Without ``writes`` it only lists them, and changes nothing.

    Raise UsageError for a database that cannot be used.
    """

    def __init__(
        self, location: str, advertised: str | None = None, *, writes: bool = True
    ) -> None:
        address = valkey_address.parse(location)
        self._prefix = address.prefix or _PREFIX
        self.label, url = address.label, address.url
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{new_token()[:6]}"
        self._advertised = advertised or ""
        self.shared, self.secret, self.done = True, "", 0
        self._owned: dict[str, _Owned] = {}
        self._clock = ServerClock()
        self._attempts = 0
        self._writes = writes
        self._check(url)
        self._client = ValkeyClient(url)

    @property
    def _shared(self) -> tuple[str, str]:
        """The key of the secret, and the secret: a server that has lost it gets it again."""
        return f"{self._prefix}:secret", self.secret

    def earliest(self) -> int:
        return self._clock.earliest(awake_or_not())

    def latest(self) -> int:
        return self._clock.latest(awake_or_not())

    async def claim(self, name: str, held: int | None = None) -> int:
        given = (self._owner, _LEASE_MS, self._advertised, "" if held is None else str(held))
        format_key = f"{self._prefix}:format"
        restored = (_FORGETFUL_MS, format_key, record.encode(header()), *self._shared)
        try:
            sent = awake_or_not()
            result = await self._run(name, valkey_scripts.CLAIM, *given, *restored)
        except _DisconnectedError:  # An idle connection has ended; what arrived was a claim, too.
            sent = awake_or_not()
            result = await self._run(name, valkey_scripts.CLAIM, *given, *restored)
        epoch, stated, secret = result
        self.secret = secret.decode()
        self._clock.heard(sent, awake_or_not(), stated)
        self._owned[name] = _Owned(int(epoch), sent)
        return int(epoch)

    def is_certain(self, name: str) -> bool:
        owned = self._owned.get(name)
        return owned is not None and owned.is_certain(awake_or_not())

    def in_doubt(self, name: str) -> bool:
        owned = self._owned.get(name)
        return owned is not None and owned.in_doubt

    async def renew(self, epochs: dict[str, int]) -> Renewal:
        now = awake_or_not()
        lost, gone = [], []
        names = [name for name in epochs if name in self._owned and self._owned[name].is_due(now)]
        results = await asyncio.gather(
            *(self.confirm(name, epochs[name]) for name in names), return_exceptions=True
        )
        failed: StoreError | None = None
        for name, result in zip(names, results, strict=True):
            match result:
                case GoneError():
                    gone.append(name)
                case LostError():
                    lost.append(name)
                case StoreError():
                    failed = result
                    if not self.is_certain(name):
                        lost.append(name)
                case BaseException():
                    raise result
        if failed is not None and not lost:
            raise failed
        return Renewal(lost, gone)

    async def confirm(self, name: str, epoch: int) -> None:
        if not self.in_doubt(name):
            await self._renew(name, epoch, numbered=False)
            return
        async with self._exclusive(name) as owned:
            await self._renew(name, epoch, numbered=True)
            owned.appended(0)

    async def _renew(self, name: str, epoch: int, *, numbered: bool) -> None:
        """Renew the lease; with a number, also remove from the log what was refused."""
        owned = self._owned.get(name)
        place = owned.place if owned is not None else ("", "0")
        sent = awake_or_not()
        stated, secret = await self._fenced(
            name, valkey_scripts.RENEW, epoch, *place, *self._shared, numbered=numbered
        )
        self.secret = secret.decode()
        self._clock.heard(sent, awake_or_not(), stated)

    async def try_out(self) -> None:
        await self._run_for(f"{self._prefix}:tried", valkey_scripts.TRY_OUT)

    async def release(self, name: str, epoch: int) -> None:
        if (owned := self._owned.get(name)) is not None and owned.epoch == epoch:
            owned.end()
        try:
            await self._fenced(name, valkey_scripts.RELEASE, epoch)
        except (LostError, GoneError):
            pass
        finally:
            self._owned.pop(name, None)

    async def load(self, name: str, epoch: int) -> Saved | None:
        reply = await self._fenced(name, valkey_scripts.LOAD, epoch, deadline=LONG_DEADLINE)
        if not reply:
            return None
        return await asyncio.to_thread(valkey_replies.unpacked, *reply)

    async def append(
        self, name: str, epoch: int, records: Sequence[bytes], *, adds: bool = True
    ) -> None:
        script = valkey_scripts.APPEND if adds else valkey_scripts.APPEND_ALWAYS
        async with self._exclusive(name) as owned:
            try:
                await self._fenced(name, script, epoch, *owned.place, *records)
            except (LostError, GoneError):
                raise
            except BaseException:  # Also of a request that is cancelled.
                owned.doubt()
                raise
            owned.appended(len(records))

    async def rotate(self, name: str, epoch: int) -> int:
        async with self._exclusive(name) as owned:
            [number] = await self._fenced(name, valkey_scripts.ROTATE, epoch, *owned.place)
            owned.began(int(number))
            return int(number)

    async def snapshot(
        self, name: str, epoch: int, generation: int, records: Iterable[bytes]
    ) -> int:
        content = list(records)
        size = sum(map(len, content))
        packed = await asyncio.to_thread(lambda: zlib.compress(b"".join(content), 1))
        async with self._exclusive(name):
            arguments = (str(generation), packed, content[0])
            await self._fenced(
                name, valkey_scripts.SNAPSHOT, epoch, *arguments, deadline=LONG_DEADLINE
            )
        return size

    async def owner(self, name: str) -> str | None:
        found = await self._run(name, valkey_scripts.OWNER)
        return found[0].decode("utf-8", "replace") if found else None

    async def delete(self, name: str) -> bool:
        return bool(await self._run(name, valkey_scripts.DELETE))

    async def list_worlds(self) -> Sequence[Stored]:
        deadline = LONG_DEADLINE if self._writes else _LISTING_DEADLINE
        prefix = f"{self._prefix}:{{"
        work = valkey_listing.list_worlds(self._client, prefix, deadline, checks=not self._writes)
        return await self._request(work, deadline)

    async def meet(self, notice: Notice) -> Meeting:
        """Say that this mock is there for the next seconds, or that it leaves, and return what all
        have in common. Raise StoreError."""
        sent = awake_or_not()
        stated, urls, ended, block, secret = await self._run_for(
            f"{self._prefix}:replicas",
            valkey_scripts.MEET,
            *(self._advertised, "" if notice.leaving else _LEASE_MS),
            *(f"{self._prefix}:ended-sessions", str(notice.kept_for)),
            *(f"{self._prefix}:number-blocks", str(notice.block), str(notice.used)),
            *("1" if notice.needs_block else "", *self._shared, *notice.ended),
        )
        self.secret = secret.decode()
        self._clock.heard(sent, awake_or_not(), stated)
        return Meeting(
            [one.decode() for one in urls],
            [one.decode() for one in ended],
            int(block) if block else None,
        )

    async def flush(self) -> None:
        pass  # Valkey itself decides when what it has is on its disk.

    async def close(self) -> None:
        await self._client.aclose()

    def _exclusive(self, name: str) -> _Owned:
        """Return what this process owns of that name, for a block. Raise LostError."""
        owned = self._owned.get(name)
        if owned is None:
            raise LostError("its lease has ended")
        return owned

    async def _fenced(
        self,
        name: str,
        script: str,
        epoch: int,
        *arguments: str | bytes,
        deadline: float = DEADLINE,
        numbered: bool = True,
    ) -> list[Any]:
        """Run a script as the owner of the world. Raise StoreError."""
        owned = self._owned.get(name)
        for last in (False, True):
            attempt = ""
            if numbered:
                self._attempts += 1
                attempt = str(self._attempts)
            sent = awake_or_not()
            try:
                reply = await self._run(
                    name, script, str(epoch), attempt, _LEASE_MS, *arguments, deadline=deadline
                )
            except _DisconnectedError:
                # The server has closed an idle connection, or was restarted. What may have arrived
                # was never acknowledged, and is removed by the next attempt.
                if last:
                    raise
                continue
            if owned is not None and owned.epoch == epoch:
                owned.granted(sent)
            return reply
        raise AssertionError

    def _run(
        self, name: str, script: str, *arguments: str | bytes, deadline: float = DEADLINE
    ) -> Awaitable[list[Any]]:
        """Run a script about the world of that name, and return its result. Raise StoreError."""
        key = f"{self._prefix}:{{{name}}}"
        return self._run_for(key, script, *arguments, deadline=deadline)

    async def _run_for(
        self, key: str, script: str, *arguments: str | bytes, deadline: float = DEADLINE
    ) -> list[Any]:
        """Run a script for that key, and return its result. Raise StoreError."""
        work = self._client.eval(script, key, *arguments, deadline=deadline)
        reply: list[Any] = await self._request(work, deadline, key)
        self.done += 1
        status, *result = reply
        match status:
            case b"ok":
                return result
            case b"lost":
                owner, peer = (one.decode("utf-8", "replace") for one in result[:2])
                left = math.inf
                if len(result) > 2:  # Of a claim.
                    self.secret, left = result[2].decode(), result[3] / 1_000
                raise LostError(f"it belongs to {owner}", peer or None, left)
            case b"short":
                log, count, length = result
                raise DamagedError(f"{log.decode()}: expected {count} records, got {length}")
            case b"late":
                raise StoreError("a later request has come first")
            case b"restarted":
                self.secret = result[0].decode()
                raise LostError("Valkey was restarted and may have forgotten it")
            case _:
                raise GoneError("the world was removed")

    async def _request(self, work: Awaitable[T], deadline: float, key: str = "") -> T:
        """Return the result of ``work``, which ends at its deadline. Raise StoreError."""
        try:
            return await work
        except (TimeoutError, redis.TimeoutError):
            raise StoreError(f"no response within {deadline:g} s") from None
        except (redis.AuthenticationError, redis.BusyLoadingError) as error:
            raise StoreError(valkey_replies.text(error)) from None
        except (redis.ConnectionError, OSError) as error:
            raise _DisconnectedError(valkey_replies.text(error)) from None
        except redis.RedisError as error:
            if valkey_replies.is_about_key(error):
                raise valkey_replies.damage(key, error) from None
            failed = FullError if valkey_replies.is_full(error) else StoreError
            raise failed(valkey_replies.text(error)) from None

    def _check(self, url: str) -> None:
        """Raise UsageError unless the server responds, and this mock can read what is there."""
        try:
            with redis.Redis.from_url(
                url,
                socket_timeout=LONG_DEADLINE,  # No request waits for a start.
                socket_connect_timeout=DEADLINE,
                retry=BlockingRetry(NoBackoff(), 0),
                protocol=2,  # As for worlds; with 3, another error comes before that of a password.
            ) as client:
                key = f"{self._prefix}:format"

                def restored(key: str, value: str | bytes) -> bytes:
                    # Where there is no memory left, nothing is set that is there already.
                    if client.get(key) is None:
                        client.set(key, value, nx=True)
                    return cast(bytes, client.get(key))

                if self._writes:
                    restored(key, record.encode(header()))
                found = cast("bytes | None", client.get(key))
                if self._advertised:
                    self.secret = restored(f"{self._prefix}:secret", new_token()).decode()
            if found is not None:
                check_version(record.decode(found, key), self.label)
        except DamagedError as error:
            raise UsageError(one_line(f"--store: {error.advice}")) from None
        except (redis.RedisError, OSError, ValueError) as error:
            raise UsageError(
                one_line(
                    f"--store: expected a Valkey or Redis server at {self.label}, got: "
                    f"{valkey_replies.text(error)}. Start it, or correct the address"
                )
            ) from None


class _DisconnectedError(StoreError):
    """The connection could not be made, or broke."""
