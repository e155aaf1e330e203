"""A file that is to be written when all is over: whether that can be is known before anything has
begun. Directories on the way to it need not be there."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.errors import ConfigurationError


def writable(path: str | Path, where: str) -> Path:
    """The path; a ConfigurationError that begins with `where` if no file can be written there.
    Nothing is made yet."""
    file = Path(path)
    nearest = next(each for each in (file.absolute(), *file.absolute().parents) if each.exists())
    if nearest == file.absolute():
        why = "it is a directory" if file.is_dir() else ""
    else:
        why = "" if nearest.is_dir() else f"{nearest} is no directory"
    if not why and not os.access(nearest, os.W_OK):
        why = f"{nearest} cannot be written to"
    if why:
        raise ConfigurationError(f"{where} {path}: {why}.", "Name a file that can be written.")
    return file
