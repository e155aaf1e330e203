"""Read recorded traffic: a HAR file, or NDJSON with an exchange on each line. Which of them a file
is, its first characters show."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.errors import ConfigurationError
from conformance.traffic.exchange import ObservedExchange
from conformance.traffic.har import har_exchanges
from conformance.traffic.ndjson import ndjson_exchanges

_HEAD = 4_096
_HAR = re.compile(r"^\ufeff?\s*\{\s*\"log\"\s*:")
_HINT = "Export a HAR from the browser, or write NDJSON with: runs-conformance proxy --log FILE"


def read_recording(name: str) -> Iterator[ObservedExchange]:
    """Yield the exchanges in the file, in its order; `-` is standard input.

    Raise ConfigurationError with the file, the line or the entry, and what is wrong.
    """
    shown = "standard input" if name == "-" else name
    with _opened(name) as text:
        head = ""
        try:
            head = text.read(_HEAD)
        except UnicodeDecodeError as fault:
            raise _not_text(shown, fault) from None
        if not head.strip("\ufeff \t\r\n"):
            raise ConfigurationError(f"{shown}: expected traffic, got an empty file.", _HINT)
        read = har_exchanges if _HAR.match(head) else ndjson_exchanges
        try:
            yield from read(_Joined(head.removeprefix("\ufeff"), text), shown)
        except UnicodeDecodeError as fault:
            raise _not_text(shown, fault) from None


@contextmanager
def _opened(name: str) -> Iterator[io.TextIOBase]:
    if name == "-":
        if sys.stdin is None:
            raise ConfigurationError("standard input: expected traffic, got none.", _HINT)
        yield io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
        return
    try:
        with Path(name).open(encoding="utf-8") as file:
            yield file
    except OSError as fault:
        raise ConfigurationError(f"{name}: {fault.strerror}.", _HINT) from None


class _Joined:
    """Text of which the beginning was read already."""

    def __init__(self, head: str, rest: io.TextIOBase) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int) -> str:
        """Return up to `size` characters, empty at the end."""
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._rest.read(size)


def _not_text(shown: str, fault: UnicodeDecodeError) -> ConfigurationError:
    return ConfigurationError(f"{shown}: expected text in UTF-8, got {fault.reason}.", _HINT)
