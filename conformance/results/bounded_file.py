"""Read a file that comes from others, whatever it is and however large."""

from __future__ import annotations

from pathlib import Path

from conformance.errors import ConfigurationError


def read_bounded(path: Path, limit: int, hint: str, smaller: str) -> bytes:
    """Return the content of the file, which is at most `limit` bytes.

    Raise ConfigurationError with `hint` if it cannot be read, and with `smaller`, which says how to
    get a smaller one, if it has more.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as fault:
        raise ConfigurationError(f"{path}: {fault.strerror}.", hint) from None
    except ValueError as fault:
        raise ConfigurationError(f"{str(path)!r}: {fault}.", hint) from None
    if len(content) > limit:
        raise ConfigurationError(f"{path}: expected at most {limit} bytes, got more.", smaller)
    return content
