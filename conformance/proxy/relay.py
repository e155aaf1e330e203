"""Relay connections: one to the target for each of a client. Bytes are passed on as they come, in
both directions at once; only the head of a message is completed first, for the addresses in it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable

from conformance.proxy.addresses import to_client, to_target
from conformance.proxy.channel import Channel
from conformance.proxy.connect import ConnectError, Plan, connect
from conformance.proxy.framing import Framer, Head, HeadTooLarge, Opaque, Part
from conformance.proxy.gate import Gate, Rejection, origin_of, problem
from conformance.proxy.tee import Tee, Totals

PORTION = 64 * 1024
# Seconds for a client to take the response and close, when the connection ends.
_LINGER = 2.0
_RESET = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_LARGE = Rejection(431, "The first lines of the request exceed 1 MiB.")


class Relay:
    """All connections. With a gate, violating requests are rejected."""

    def __init__(
        self, plan: Plan, channel: Channel, new_gate: Callable[[], Gate] | None = None
    ) -> None:
        self.plan = plan
        self.channel = channel
        self.totals = Totals()
        self.new_gate = new_gate
        self._number = 0
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, incoming: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until both sides have ended."""
        self._number += 1
        if (task := asyncio.current_task()) is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await RelayedConnection(self, self._number, incoming, writer).run()

    async def close(self) -> None:
        """End all connections."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


class _LocalEnd(Exception):  # noqa: N818 - not an error of the proxy
    """The proxy itself has sent the last response of the connection."""


class RelayedConnection:
    """One connection of a client, and the one to the target that belongs to it."""

    def __init__(
        self,
        relay: Relay,
        number: int,
        incoming: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._plan = relay.plan
        self._incoming = incoming
        self._writer = writer
        self._tee = Tee(relay.channel, number, relay.totals)
        self._gate = relay.new_gate() if relay.new_gate else None
        self._methods: deque[str] = deque()
        self._requests = Framer()
        self._responses = Framer(methods=self._methods)
        self._up: asyncio.StreamWriter | None = None
        self._returning: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._idle = asyncio.Event()
        peer = writer.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else "unknown"

    async def run(self) -> None:
        """Relay until the end of the connection."""
        sending = asyncio.create_task(self._relay_requests())
        ended = asyncio.create_task(self._ended.wait())
        by = "proxy"
        try:
            await asyncio.wait({sending, ended}, return_when=asyncio.FIRST_COMPLETED)
            by = "client" if sending.done() else "target"
            await (self._client_ended(sending) if sending.done() else self._target_ended(sending))
        except _LocalEnd:
            by = "proxy"
            await self._linger()
        except OSError:
            # A reset is passed on as a reset: an end would look like a complete response.
            for writer in (self._writer, self._up):
                if writer is not None:
                    _reset(writer)
        finally:
            await self._finish(sending, ended)
            self._tee.closed(by)

    async def _finish(self, *tasks: asyncio.Task[object] | asyncio.Task[None]) -> None:
        for task in (*tasks, self._returning):
            if task is not None:
                task.cancel()
        running = [task for task in (*tasks, self._returning) if task is not None]
        for writer in (self._writer, self._up):
            if writer is not None:
                writer.close()
        await asyncio.gather(*running, return_exceptions=True)

    async def _client_ended(self, sending: asyncio.Task[None]) -> None:
        await sending
        if self._returning is None or self._up is None:
            return
        if self._up.can_write_eof():
            # The client may have ended its side only, and wait for the response.
            self._up.write_eof()
            await self._returning

    async def _target_ended(self, sending: asyncio.Task[None]) -> None:
        if self._returning is not None:
            await self._returning
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await self._linger()

    async def _linger(self) -> None:
        """Let the client take what was sent: closing at once would discard it."""
        with contextlib.suppress(OSError, TimeoutError):
            await self._writer.drain()
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER):
                while await self._incoming.read(PORTION):
                    pass

    async def _relay_requests(self) -> None:
        framer = self._requests
        while data := await self._incoming.read(PORTION):
            try:
                await self._pass_on(framer.feed(data))
            except HeadTooLarge:
                await self._reject(_TOO_LARGE, close=True)
        await self._pass_on(framer.finish())

    async def _pass_on(self, parts: list[Part]) -> None:
        if self._gate is None:
            await self._send(parts)
            return
        for part in parts:
            passed = self._gate.decide(part)
            if isinstance(passed, Rejection):
                await self._until_idle()
                for each in passed.parts:
                    self._tee.request(each)
                self._tee.enforced(passed.detail)
                await self._reject(passed, close=passed.close)
            else:
                await self._send(passed)
                if isinstance(part, Head) and self._gate.holds and part.values(b"expect"):
                    self._writer.write(_CONTINUE)

    async def _send(self, parts: list[Part]) -> None:
        if not parts:
            return
        up = self._up or await self._connect(parts)
        for part in parts:
            if isinstance(part, Head):
                self._methods.append(part.method)
                self._idle.clear()
            elif isinstance(part, Opaque):
                self._responses.switch()
        up.write(b"".join(self._as_sent(part) for part in parts))
        for part in parts:
            self._tee.request(part)
        await up.drain()

    def _as_sent(self, part: Part) -> bytes:
        if isinstance(part, Head):
            return to_target(part, self._plan.target, self._peer)
        return part.raw

    async def _connect(self, parts: list[Part]) -> asyncio.StreamWriter:
        """Connect to the target. If that fails, respond with the reason, and end."""
        try:
            incoming, self._up = await connect(self._plan)
        except ConnectError as fault:
            for part in parts:
                self._tee.request(part)
            self._tee.unreachable(str(fault))
            rejection = Rejection(fault.status, str(fault), origin=origin_of(parts))
            await self._reject(rejection, close=True)
            raise _LocalEnd from None
        self._returning = asyncio.create_task(self._relay_responses(incoming))
        self._returning.add_done_callback(lambda task: self._ended.set())
        return self._up

    async def _relay_responses(self, incoming: asyncio.StreamReader) -> None:
        framer = self._responses
        while data := await incoming.read(PORTION):
            self._return(framer.feed(data))
            await self._writer.drain()
        self._return(framer.finish())
        await self._writer.drain()

    def _return(self, parts: list[Part]) -> None:
        """Pass parts of responses on, and report them after that."""
        hosts = iter([each.host for each in self._tee.pending])
        host, out = next(hosts, b""), []
        for part in parts:
            if not isinstance(part, Head):
                out.append(part.raw)
                continue
            out.append(to_client(part, self._plan.target, host))
            if not part.interim:
                host = next(hosts, b"")
            if part.status == 101:
                self._requests.switch()
        self._writer.write(b"".join(out))
        for part in parts:
            self._tee.response(part)
            if isinstance(part, Opaque):
                self._requests.switch()
        if self._tee.idle:
            self._idle.set()

    async def _until_idle(self) -> None:
        """Wait until the responses to earlier requests are complete."""
        while not self._tee.idle and not self._ended.is_set():
            self._idle.clear()
            await self._idle.wait()

    async def _reject(self, rejection: Rejection, *, close: bool) -> None:
        self._writer.write(problem(rejection, close=close))
        await self._writer.drain()
        if close:
            raise _LocalEnd


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
