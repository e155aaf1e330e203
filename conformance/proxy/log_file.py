"""Write the exchanges that passed by to a file, without their credentials."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from conformance.errors import ConfigurationError
from conformance.traffic.exchange import ObservedExchange
from conformance.traffic.find_credentials import SecretCollector
from conformance.traffic.ndjson import line_of


class LogFile:
    """NDJSON that `check-traffic` reads; `failed` says why it is incomplete, if it is."""

    def __init__(self, path: Path, secrets: SecretCollector) -> None:
        self.failed = ""
        self._path = path
        self._secrets = secrets
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("w", encoding="utf-8", buffering=1)
        except OSError as fault:
            raise ConfigurationError(
                f"--log {path}: {fault.strerror}.", "Name a file that can be written."
            ) from None

    def write(self, exchange: ObservedExchange) -> None:
        """Add an exchange of the contract; after a failure, do nothing."""
        if self.failed or exchange.request.place is None:
            return
        self._secrets.learn(exchange.request, exchange.response)
        try:
            self._file.write(line_of(exchange, self._secrets.redactor))
        except OSError as fault:
            self._fail(fault)

    def close(self) -> None:
        """Write what is left."""
        try:
            self._file.close()
        except OSError as fault:
            self._fail(fault)

    def _fail(self, fault: OSError) -> None:
        self.failed = f"--log {self._path}: {fault.strerror}: the log is incomplete."
