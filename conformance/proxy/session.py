"""Run a proxy: start the process that relays, judge what it reports, and stop at a signal. The
relay is a process of its own, so that judging never delays a byte."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import BinaryIO, cast

from conformance.client.connection import Connection
from conformance.errors import ConfigurationError, KitError
from conformance.proxy.channel import Kind, messages
from conformance.proxy.observer import Observer
from conformance.signals import handled

_END = 10.0
_YIELD = 10


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What to relay: from an address of this machine to the target. `enforce` rejects violating
    requests, with `strict` those that deviate, too."""

    target: str
    host: str
    port: int
    connection: Connection
    enforce: bool = False
    strict: bool = False
    keep_host: bool = False
    connect_timeout: float = 10.0


class ProxySession:
    """One run of the proxy. `on_listening` is called with its port."""

    def __init__(
        self, config: ProxyConfig, observer: Observer, on_listening: Callable[[int], None]
    ) -> None:
        self._config = config
        self._observer = observer
        self._on_listening = on_listening
        self._stopped = False
        self._stopped_early = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> str:
        """Relay and judge until the process is asked to end; return a problem, empty if none.

        Raise ConfigurationError if the proxy cannot listen.
        """
        command = [sys.executable, "-m", "conformance.proxy.child"]
        with subprocess.Popen(  # noqa: S603 - this interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            self._process = process
            try:
                with _stopping(self.stop):
                    self._configure(process)
                    self._read(cast(BinaryIO, process.stdout))
            finally:
                self.stop()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END)
                if process.poll() is None:
                    process.kill()
        if not self._stopped_early and not process.returncode:
            return ""
        return f"the relay ended by itself with exit code {process.returncode}"

    def stop(self) -> None:
        """Stop accepting connections, and end those that are open."""
        self._stopped = True
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _configure(self, process: subprocess.Popen[bytes]) -> None:
        stdin = process.stdin
        if stdin is None:
            raise KitError("The relay has no standard input.")
        with contextlib.suppress(OSError):
            stdin.write(json.dumps(asdict(self._config)).encode() + b"\n")
            stdin.flush()

    def _read(self, pipe: BinaryIO) -> None:
        for message in messages(pipe):
            match message.kind:
                case Kind.LISTENING:
                    # The relay goes first where there are not enough processors for both.
                    os.nice(_YIELD)
                    self._on_listening(int(message.data))
                case Kind.FAILED:
                    address = f"{self._config.host}:{self._config.port}"
                    raise ConfigurationError(
                        f"--port: expected an address to listen on, got {address}: "
                        f"{message.data.decode()}.",
                        "Choose another port; 0 takes a free one.",
                    )
                case _:
                    self._observer.take(message)
        self._stopped_early = not self._stopped


def _stopping(stop: Callable[[], None]) -> AbstractContextManager[None]:
    """Call `stop` at the first signal that ends a process; a second one interrupts."""
    stopped = False

    def handle() -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True
        stop()

    return handled(("SIGINT", "SIGTERM", "SIGHUP"), handle)
