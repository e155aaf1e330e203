"""Records: JSON on one line, after its checksum.

A record without the end of its line was never acknowledged. One that is complete and does not match
its checksum was damaged later.
"""

from collections.abc import Iterable
from typing import Any
from zlib import crc32

import orjson

from mock_server.store.store import DamagedError

_DIGITS = 8


def frame(payload: bytes) -> bytes:
    """Return the record of ``payload``, which is JSON without line breaks."""
    return b"%08x %b\n" % (crc32(payload), payload)


def encode(value: Any) -> bytes:
    """Return the record of ``value``."""
    return frame(orjson.dumps(value))


def decode(line: bytes, place: str) -> Any:
    """Return the value of a record, with or without the end of its line.

    ``place`` names it for errors. Raise DamagedError.
    """
    payload = line[_DIGITS + 1 :].rstrip(b"\n")
    if line[: _DIGITS + 1] != b"%08x " % crc32(payload):
        raise DamagedError(f"{place}: the record does not match its checksum")
    return orjson.loads(payload)


def split(content: bytes) -> list[bytes]:
    """Return the records in ``content``, each with the end of its line."""
    return content.splitlines(keepends=True)


def check(records: Iterable[bytes], place: str, first: int = 1) -> None:
    """Raise DamagedError for the first of the records that is not what was written; ``first`` is
    the line of the first one."""
    for line, one in enumerate(records, first):
        decode(one, f"{place}:{line}")


def complete(content: bytes) -> bytes:
    """Return ``content``, the end of a log, without a last record that was never complete.

    The end of a file can also be zeros, after a failure of power.
    """
    content = content.rstrip(b"\0")
    end = content.rfind(b"\n") + 1
    tail = content[end:]
    if tail:
        try:
            decode(tail, "")
        except DamagedError:
            return content[:end]
        return content + b"\n"
    start = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
    if b"\0" in content[start:end]:  # Space that was never written.
        return content[:start]
    return content
