"""Find and read the configuration file, and know the line of each key in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from conformance.errors import ConfigurationError, ErrorCollector

NAME = "conformance.toml"
PYPROJECT = "pyproject.toml"
SECTION = ("tool", "runs-conformance")

T = TypeVar("T")
Place = tuple[str | int, ...]

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (str, "text in quotes"),
    ((int, float), "a number"),
    (list, "a list"),
    (dict, "a table"),
    ((date, time, datetime), "a date"),
)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A TOML file, or the part of it below `root`."""

    path: Path
    text: str
    root: tuple[str, ...]
    data: dict[str, Any]

    def get(self, *place: str) -> Any:
        """The value at the place, or None."""
        node: Any = self.data
        for index, key in enumerate(place):
            if not isinstance(node, dict):
                self.expect(dict, node, *place[:index])
            if key not in node:
                return None
            node = node[key]
        return node

    def expect(self, kind: type[T], value: Any, *place: str | int) -> T:
        """Return the value. Raise ConfigurationError if it is of another type."""
        if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
            return value
        raise ConfigurationError(
            f"{self.where(*place)}: expected {_named(kind)}, got {_kind(value)}: {value!r}.",
            f"Write {_named(kind)}.",
        )

    def where(self, *place: str | int) -> str:
        """Return file, line and key, to begin a message with."""
        line = self._line((*self.root, *place))
        return f"{self.path}:{line}: {_dotted(place)}"

    def reject_unknown(self, keys: Iterable[str], known: Iterable[str], *place: str | int) -> None:
        """Raise ConfigurationError for unknown keys, each with the most similar known one."""
        words, errors = sorted(known), ErrorCollector()
        for key in keys:
            if key not in words:
                where = self.where(*place, key)
                errors.note(f"{where}: unknown key.", nearest(key, words))
        errors.raise_all()

    def _line(self, place: Place) -> int:
        """Return the line where the value at the place begins: after the longest valid beginning of
        the file that does not have it."""
        lines = self.text.splitlines(keepends=True)
        begins = 1
        for count in range(1, len(lines) + 1):
            try:
                beginning = tomllib.loads("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _has(beginning, place):
                return begins
            begins = count + 1
        return 1


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelling: the most similar known word, or all of them."""
    # Members of an enumeration are shown as their values.
    words = [str(each) for each in known]
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Use one of {', '.join(words)}."


def find(named: str, directory: Path) -> ConfigFile | None:
    """Return the file of this name or, if that is empty, the directory's; None if there is none.

    Raise ConfigurationError for a file that is missing or invalid, and where there are two.
    """
    if named:
        path = Path(named)
        found = _read(path, SECTION if path.name == PYPROJECT else ())
        if found is None:
            raise ConfigurationError(
                f"{path}: expected [{'.'.join(SECTION)}], got no such table.",
                f"Add it, or use {NAME}.",
            )
        return found
    own, shared = directory / NAME, directory / PYPROJECT
    section = section_of(shared)
    if own.is_file() and section is not None:
        raise ConfigurationError(
            f"Both {NAME} and [{'.'.join(SECTION)}] of {PYPROJECT} configure the kit.",
            "Keep one of them, or choose with --config.",
        )
    return _read(Path(NAME) if directory == Path() else own, ()) if own.is_file() else section


def section_of(path: Path) -> ConfigFile | None:
    """Return the kit's table of a project file; None if there is none. A file that does not
    mention the kit may be invalid."""
    try:
        mentioned = SECTION[-1] in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return _read(path, SECTION) if mentioned else None


def _read(path: Path, root: tuple[str, ...]) -> ConfigFile | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
        node: Any = tomllib.loads(text)
    except OSError as fault:
        raise ConfigurationError(
            f"{path}: {fault.strerror}.", "Write one with: runs-conformance init"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{path}: expected UTF-8, got another encoding.", "Save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: {fault}.", "Correct the TOML: toml.io") from None
    for key in root:
        node = node.get(key) if isinstance(node, dict) else None
    if node is None:
        return None
    file = ConfigFile(path, text, root, node if isinstance(node, dict) else {})
    file.expect(dict, node)
    return file


def _has(node: Any, place: Place) -> bool:
    for key in place:
        try:
            node = node[key]
        except (LookupError, TypeError):
            return False
    return True


def _dotted(place: Place) -> str:
    return ".".join(str(key + 1) if isinstance(key, int) else key for key in place)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def _named(kind: type) -> str:
    names = {bool: "true or false", str: "text in quotes", list: "a list", dict: "a table"}
    return names.get(kind, kind.__name__)
