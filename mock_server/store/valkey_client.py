"""Running scripts in Valkey, each over a connection that nothing else uses meanwhile.

The library makes the connections and speaks the protocol. Its pool is left out: what it does around
a command takes longer than the command.
"""

import asyncio
from functools import cache
from hashlib import sha1
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from mock_server.store.busy_poll import BusyPoll

_MAX_CONNECTIONS = 32
"""Connections at a time; further commands wait for one."""


class ValkeyClient:
    """The connections with the server at ``url``.

    Whatever fails raises an error of the library, or OSError. The caller has a deadline, but for
    ``connect_seconds``.
    """

    def __init__(self, url: str, connect_seconds: float) -> None:
        # With a timeout of its own, the library would start a task for each command.
        self._connections: Any = redis.asyncio.ConnectionPool.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=connect_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._idle: list[Any] = []
        self._room = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._poll = BusyPoll()

    async def eval(self, script: str, key: str | bytes, *arguments: str | bytes) -> Any:
        """Return what the script returns for ``key``."""
        try:
            return await self._execute("EVALSHA", _digest(script), "1", key, *arguments)
        except NoScriptError:  # Since its start, the server has not seen it.
            return await self._execute("EVAL", script, "1", key, *arguments)

    async def keys(self, pattern: str) -> set[bytes]:
        """Return the keys that match, if they exist all the time."""
        found: set[bytes] = set()
        cursor = b"0"
        while True:
            cursor, some = await self._execute("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
            found.update(some)
            if cursor == b"0":
                return found

    async def aclose(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().disconnect()

    async def _execute(self, *command: str | bytes) -> Any:
        async with self._room:
            connection = await self._connected()
            began = self._poll.begin()
            try:
                await connection.send_packed_command(_packed(command), check_health=False)
                reply = await connection.read_response()
            except redis.ResponseError:
                self._idle.append(connection)
                raise
            except BaseException:  # Also of a command that is cancelled: its reply may come later.
                await connection.disconnect(nowait=True)
                raise
            finally:
                self._poll.end(began)
            self._idle.append(connection)
            return reply

    async def _connected(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not await connection.can_read():
                return connection
            await connection.disconnect(nowait=True)  # The server has closed it.
        connection = self._connections.make_connection()
        await connection.connect()
        return connection


def _packed(command: tuple[str | bytes, ...]) -> bytes:
    """Return what the server reads; the library takes several times as long for it."""
    parts = [b"*%d" % len(command)]
    for one in command:
        part = one.encode() if isinstance(one, str) else one
        parts.append(b"$%d\r\n%b" % (len(part), part))
    return b"\r\n".join([*parts, b""])


@cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
