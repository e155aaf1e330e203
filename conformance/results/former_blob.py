"""Remove the blob of an earlier run before anything else can fail: a shard that does not come to
its end is missing, and is never replaced by what an earlier one found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conformance.errors import ConfigurationError

KEY = "runs-conformance blob"
_OPTION = "--blob"
_VARIABLE = "RUNS_CONFORMANCE_BLOB"
FIRST_BYTES = f'{{"{KEY}": '.encode()
_HELP = ("--help", "-h")


def remove_named(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Remove each blob that a command line of `run` names, whether its options are valid or not.
    Raise ConfigurationError if one can be neither removed nor emptied."""
    command = next((word for word in words if not word.startswith("-")), "")
    if command != "run" or any(word in words for word in _HELP):
        return
    for name in {*_named(words), environment.get(_VARIABLE, "")} - {""}:
        remove_blob(Path(name))


def remove_blob(path: Path) -> None:
    """Remove the file if it is a blob, by its first bytes. Raise ConfigurationError if it can be
    neither removed nor emptied."""
    if not _is_blob(path):
        return
    # A link's target could be merged by its own name.
    file = path.resolve()
    try:
        try:
            file.unlink()
        except OSError:
            # A file that is mounted on its own can only be written.
            file.write_bytes(b"")
    except OSError as fault:
        raise ConfigurationError(
            f"{_OPTION} {path}: expected a blob that can be replaced: {fault.strerror}.",
            "Name another file, and do not merge this one.",
        ) from None


def _named(words: Sequence[str]) -> Iterator[str]:
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option == _OPTION:
            yield value if equals else "".join(words[place + 1 : place + 2])


def _is_blob(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(FIRST_BYTES)) == FIRST_BYTES
    except (OSError, ValueError):
        return False
