"""What the scripts return of a world, as the store returns it."""

import zlib

from mock_server.errors import one_line
from mock_server.store import record
from mock_server.store.store import DamagedError, Saved, Stored, check_version

REMOVE = "Remove the world: runs-mock worlds remove"

_OUT_OF_MEMORY = ("OOM", "command not allowed when used memory")

_MEANINGS = {
    "WRONGTYPE": "expected what a mock stores, got a key of another type",
    **dict.fromkeys(
        _OUT_OF_MEMORY,
        "it has no memory left: remove worlds (runs-mock worlds remove), or raise its maxmemory",
    ),
    "READONLY": "it only copies another server: name that one",
    "ERR Protocol error: unauthenticated": "it asks for a password: valkey://:PASSWORD@HOST",
    "NOAUTH": "it asks for a password: valkey://:PASSWORD@HOST",
    "Authentication required": "it asks for a password: valkey://:PASSWORD@HOST",
}
"""What errors of a server mean, by how their text begins."""


def text(error: Exception) -> str:
    """Return the text of an error of the library or the server, on one line."""
    found = one_line(str(error)).rstrip(".")
    meanings = (meaning for begin, meaning in _MEANINGS.items() if found.startswith(begin))
    return next(meanings, found)


def is_full(error: Exception) -> bool:
    """Return whether there was no memory for it."""
    return str(error).startswith(_OUT_OF_MEMORY)


def is_about_key(error: Exception) -> bool:
    """Return whether what is stored of one world is not what a script expects: others can work."""
    return any(sign in str(error) for sign in ("WRONGTYPE", ": attempt to ", ": 'for' "))


def damage(key: str, error: Exception) -> DamagedError:
    """Return the damage of the world with that key, for an error that ``is_about_key``."""
    return DamagedError(f"{key}: {text(error)}", REMOVE)


def unpacked(generation: bytes, packed: bytes | None, logs: list[list[bytes]]) -> Saved:
    """Return the world in what LOAD and CONTENT return. Raise DamagedError."""
    first = int(generation)
    place = f"snapshot {first}"
    if not packed:
        raise DamagedError("its snapshot is missing")
    try:
        content = zlib.decompress(packed)
    except zlib.error as error:
        raise DamagedError(f"{place}: it cannot be decompressed: {error}") from None
    names = [f"log {number}" for number in range(first, first + len(logs))]
    return Saved(record.split(content), logs, names, place)


def stored(name: str, head: bytes, used: bytes, size: int, commands: int, missing: bytes) -> Stored:
    """Return what is said of the world of that name, from what DESCRIBE returns."""
    problem, first = DamagedError(missing.decode()).advice if missing else None, {}
    try:
        first = record.decode(head, "head")
        check_version(first, "head")
    except DamagedError as error:
        problem = problem or error.advice
    last = int(used) if used.isdigit() else 0
    return Stored(name, first, commands, size, last, problem)
