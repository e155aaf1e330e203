"""The requirements: `requirements.yaml` read into values, and the patterns that select them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from conformance.contract.yaml_file import parse
from conformance.errors import ConfigurationError
from conformance.resources import requirements_file
from conformance.vocabulary import Level, Operation

FILE = requirements_file()
_KEYS = {"id", "statement", "operation", "level", "source", "question"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a conforming implementation must do."""

    id: str
    statement: str
    level: Level
    source: str
    operation: Operation | None = None
    question: str | None = None

    @property
    def group(self) -> str:
        """The part of the identifier before the first dash."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All requirements, in the order of the file. They are shared: do not change them.

    Only those that are `included` are ever selected; without it, all of them.
    """

    requirements: dict[str, Requirement]
    included: frozenset[str] | None = None

    def __getitem__(self, requirement_id: str) -> Requirement:
        """The requirement with this id."""
        return self.requirements[requirement_id]

    @property
    def digest(self) -> str:
        """A hash of the requirements."""
        included = self.requirements if self.included is None else self.included
        words = [asdict(each) for each in self.requirements.values() if each.id in included]
        return sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()

    def select(self, include: tuple[str, ...], exclude: tuple[str, ...]) -> set[str]:
        """Return the ids that match a pattern of `include` (all, if it is empty) and none of
        `exclude`. Raise ConfigurationError for a pattern that matches nothing."""
        wanted = {i for p in include or ("*",) for i in self.matching(p)}
        wanted -= {i for p in exclude for i in self.matching(p)}
        return wanted if self.included is None else wanted & self.included

    def matching(self, pattern: str) -> set[str]:
        """Return the ids that match a pattern. Raise ConfigurationError if there are none: a
        misspelt pattern would select nothing without a word."""
        found = {i for i in self.requirements if fnmatchcase(i, pattern.upper())}
        if not found:
            raise ConfigurationError(
                f"expected a pattern that matches a requirement, got {pattern!r}.",
                "Patterns match ids: LIST-*, AUTH-0[1-4], CANCEL-02. See: runs-conformance list",
            )
        return found


def load(file: Path = FILE) -> Catalogue:
    """Read the catalogue; a ConfigurationError names the entry that is wrong."""
    return _made(file.read_text(encoding="utf-8"), file)


@lru_cache(maxsize=2)
def _made(text: str, file: Path) -> Catalogue:
    entries: list[dict[str, Any]] = parse(text)
    found: dict[str, Requirement] = {}
    for entry in entries:
        name = str(entry.get("id", "?"))
        unknown = set(entry) - _KEYS
        if unknown or name in found:
            what = f"unknown key {sorted(unknown)[0]!r}" if unknown else "it is there twice"
            raise ConfigurationError(f"{file.name}: {name}: {what}.", f"Keys: {sorted(_KEYS)}")
        try:
            found[name] = Requirement(
                id=name,
                statement=entry["statement"],
                level=Level(entry["level"]),
                source=entry["source"],
                operation=Operation(entry["operation"]) if "operation" in entry else None,
                question=entry.get("question"),
            )
        except (KeyError, ValueError) as fault:
            raise ConfigurationError(f"{file.name}: {name}: {fault}.", f"Keys: {_KEYS}") from None
    return Catalogue(found)
