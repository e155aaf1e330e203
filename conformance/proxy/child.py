"""The process that relays: `python -m conformance.proxy.child`. It reads its configuration as a
line of JSON from standard input, and ends when that closes; it writes messages to standard output.
It imports little, so that it is quick to start and nothing else takes its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from conformance.client.connection import Connection
from conformance.proxy.addresses import Target
from conformance.proxy.channel import Channel, Kind
from conformance.proxy.connect import Plan
from conformance.proxy.gate import Gate
from conformance.proxy.relay import Relay

# Seconds to hand over what is in the queue when the proxy stops.
_FLUSH = 10.0


async def serve(config: dict[str, Any]) -> None:
    """Relay until standard input closes."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(_Flow, os.fdopen(os.dup(1), "wb"))
    channel = Channel(transport)
    relay = Relay(_plan(config), channel, _gates(config))
    try:
        server = await asyncio.start_server(relay.serve, config["host"], config["port"])
    except OSError as fault:
        channel.send_always(Kind.FAILED, 0, (fault.strerror or str(fault)).encode())
    else:
        port = server.sockets[0].getsockname()[1]
        channel.send_always(Kind.LISTENING, 0, str(port).encode())
        await _until_closed(loop)
        server.close()
        await relay.close()
        await protocol.flushed()
        channel.send_always(Kind.LOST, 0, str(relay.totals.lost).encode())
        channel.send_always(Kind.OTHER, 0, str(relay.totals.other).encode())
    transport.close()
    await protocol.closed


class _Flow(asyncio.BaseProtocol):
    """The end of the pipe to the judging process."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport
            # `resume_writing` is called when all is written.
            transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        self._drained = asyncio.Event()

    def resume_writing(self) -> None:
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    async def flushed(self) -> None:
        """Wait until the queue is empty, for a limited time."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH):
                    await self._drained.wait()


async def _until_closed(loop: asyncio.AbstractEventLoop) -> None:
    incoming = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(incoming), sys.stdin)
    await incoming.read()


def _plan(config: dict[str, Any]) -> Plan:
    # A page of another site may have its name bound to a loopback address, and to no other.
    any_host = config["host"] not in ("127.0.0.1", "::1", "localhost")
    target = Target.of(config["target"], keep_host=config["keep_host"], any_host=any_host)
    tls = None
    if target.secure:
        tls = Connection(**config["connection"]).tls()
        tls.set_alpn_protocols(["http/1.1"])
    return Plan(target, tls, config["connect_timeout"])


def _gates(config: dict[str, Any]) -> Callable[[], Gate] | None:
    if not config["enforce"]:
        return None
    enforcer = import_module("conformance.proxy.enforce").Enforcer(strict=config["strict"])
    return lambda: Gate(enforcer)


def main() -> None:
    """Run the process. Ctrl-C reaches it too, and is the business of its parent."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    config = json.loads(sys.stdin.buffer.readline())
    factory = None
    # It halves the time that a byte takes; Windows does not have it.
    with contextlib.suppress(ImportError):
        factory = import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(config))


if __name__ == "__main__":
    main()
