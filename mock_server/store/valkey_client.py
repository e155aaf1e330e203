"""Running scripts in Valkey, each over a connection that nothing else uses meanwhile.

The library makes the connections; commands and replies then pass by its streams and its pool, which
take longer than the command.
"""

import asyncio
from functools import cache
from hashlib import sha1
from typing import Any

import hiredis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mock_server.store.busy_poll import BusyPoll

_MAX_CONNECTIONS = 32
"""Connections at a time; further commands wait for one."""


class ValkeyClient:
    """The connections with the server at ``url``.

    Whatever fails raises an error of the library, or OSError (TimeoutError is one).
    """

    def __init__(self, url: str) -> None:
        self._library: Any = redis.asyncio.ConnectionPool.from_url(
            url, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0), protocol=2
        )
        self._free: asyncio.LifoQueue[_Link | None] = asyncio.LifoQueue()
        for _ in range(_MAX_CONNECTIONS):
            self._free.put_nowait(None)  # A connection that is not made yet.
        self._poll = BusyPoll()

    async def eval(
        self, script: str, key: str | bytes, *arguments: str | bytes, deadline: float
    ) -> Any:
        """Return what the script returns for ``key``, within ``deadline`` seconds."""
        try:
            return await self._execute(deadline, "EVALSHA", _digest(script), "1", key, *arguments)
        except redis.ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            # Since its start, the server has not seen it.
            return await self._execute(deadline, "EVAL", script, "1", key, *arguments)

    async def keys(self, pattern: str, deadline: float) -> set[bytes]:
        """Return the keys that match, if they exist all the time; each part within ``deadline``."""
        found: set[bytes] = set()
        cursor = b"0"
        while True:
            command = ("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
            cursor, some = await self._execute(deadline, *command)
            found.update(some)
            if cursor == b"0":
                return found

    async def aclose(self) -> None:
        """Close the connections."""
        while not self._free.empty():
            link = self._free.get_nowait()
            if link is not None:
                await link.close()

    async def _execute(self, deadline: float, *command: str | bytes) -> Any:
        ends = asyncio.get_running_loop().time() + deadline
        if self._free.empty():
            async with asyncio.timeout_at(ends):
                link = await self._free.get()
        else:
            link = self._free.get_nowait()
        try:
            if link is None or link.is_closing():
                async with asyncio.timeout_at(ends):
                    link = await self._connect()
            began = self._poll.begin()
            try:
                reply = await link.send(command, ends)
            finally:
                self._poll.end(began)
        finally:
            self._free.put_nowait(link)
        if isinstance(reply, redis.ResponseError):
            raise reply
        return reply

    async def _connect(self) -> "_Link":
        connection = self._library.make_connection()
        try:
            await connection.connect()
        except RuntimeError as error:  # Of uvloop, where the server closes it in this moment.
            raise redis.ConnectionError(str(error)) from None
        link = _Link(connection._writer)
        connection._writer = None  # It would close that.
        if connection._reader.at_eof():  # The link is not informed of it again.
            await link.close()
            raise redis.ConnectionError("Connection closed by server")
        return link


class _Link(asyncio.Protocol):
    """A connection that the library has made, for one command after the other."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer  # Without a reference to it, the transport is closed.
        self._transport = writer.transport
        self._transport.set_protocol(self)
        self._replies = hiredis.Reader(replyError=redis.ResponseError)
        self._awaited: asyncio.Future[Any] | None = None
        self._closed = asyncio.get_running_loop().create_future()
        self.is_closing = self._transport.is_closing

    async def send(self, command: tuple[Any, ...], ends: float) -> Any:
        """Return the reply; an error is returned as ResponseError.

        Raise TimeoutError at ``ends``, by the clock of the loop.
        """
        loop = asyncio.get_running_loop()
        self._awaited = loop.create_future()
        # Several times as quick as a block with a deadline.
        timer = loop.call_at(ends, self._expire, self._awaited)
        try:
            self._transport.write(hiredis.pack_command(command))
            return await self._awaited
        except BaseException:  # Also of a command that is cancelled: its reply may come later.
            self._transport.abort()
            raise
        finally:
            timer.cancel()
            self._awaited = None

    def _expire(self, awaited: "asyncio.Future[Any]") -> None:
        if not awaited.done():
            awaited.set_exception(TimeoutError())

    def data_received(self, data: bytes) -> None:
        awaited = self._awaited
        if awaited is None or awaited.done():
            self._transport.abort()  # Nothing was asked for.
            return
        try:
            self._replies.feed(data)
            reply = self._replies.gets()
        except hiredis.ProtocolError as error:
            awaited.set_exception(redis.InvalidResponse(str(error)))
            return
        if reply is False:  # More has to come.
            return
        if self._replies.has_data():
            awaited.set_exception(redis.InvalidResponse("two replies to one command"))
        else:
            awaited.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)
        if self._awaited is not None and not self._awaited.done():
            reason = str(exc or "Connection closed by server")
            self._awaited.set_exception(redis.ConnectionError(reason))

    async def close(self) -> None:
        """Close the connection, and wait until it is closed."""
        self._transport.close()
        await self._closed


@cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
