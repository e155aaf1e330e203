"""Listing the worlds in a directory, also while a mock uses it: nothing is changed."""

import contextlib
import json
from pathlib import Path
from urllib.parse import unquote

from mock_server.errors import UsageError, one_line
from mock_server.store.store import DamagedError, Stored, check_version
from mock_server.store.world_files import WorldFiles

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}
)
"""Names that some systems keep for devices."""

_ATTEMPTS = 3
"""How often a world is read for a list while the mock that uses it replaces its files."""


def read_about(path: Path) -> None:
    """Raise UsageError unless this mock can read the store in ``path``."""
    about = path / "store.json"
    try:
        found = json.loads(about.read_bytes())
        check_version(found if isinstance(found, dict) else {}, str(about))
    except FileNotFoundError:
        raise UsageError(f"--store: expected a store in {path}, found none") from None
    except (OSError, ValueError) as error:
        raise UsageError(
            one_line(f"--store: {about} cannot be read: {error}. Name another directory")
        ) from None
    except DamagedError as error:
        raise UsageError(one_line(f"--store: {error.advice}")) from None


def list_stored(path: Path) -> list[Stored]:
    """Return the worlds in the store in ``path`` by name, also while a mock uses it. Raise
    UsageError."""
    read_about(path)
    try:
        return worlds(path, completely=True)
    except OSError as error:
        raise UsageError(
            one_line(f"--store: {path} cannot be read: {error.strerror or error}")
        ) from None


def worlds(path: Path, *, completely: bool = False) -> list[Stored]:
    """Return the worlds in the store in ``path`` by name; ``completely`` means that every record is
    checked. Raise OSError."""
    found = []
    for place in sorted((path / "worlds").iterdir()):
        name = unquote(place.name)
        # Not, for example, a copy that a person has made.
        if place.is_dir() and place.name == folder_name(name):
            files = WorldFiles(place, name)
            for _ in range(_ATTEMPTS):
                with contextlib.suppress(FileNotFoundError):  # Removed or replaced in this moment.
                    stored = files.describe(completely=completely)
                    if stored is not None:
                        found.append(stored)
                    break
    return found


def folder_name(name: str) -> str:
    """Return the name of the folder for a world, which is safe for any file system."""
    text = "".join(chr(one) if one in _SAFE else f"%{one:02X}" for one in name.encode())
    return f"%{ord(text[0]):02X}{text[1:]}" if text in _DEVICES else text
