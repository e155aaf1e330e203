"""Read the contract: in full, without its weaker evidence, and keyword by keyword.

`full` is everything that ``openapi.yaml`` promises, `documented` the part that binds an
implementation. `marks_for` and `level_of` return how well one keyword is founded: a fault there is
a violation if its level gates, else a deviation.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path as File
from typing import Any

import yaml

from conformance.contract.evidence import Mark, read_marks
from conformance.contract.pointer import Document, Path, as_pointer, look_up, target
from conformance.contract.views import documented, only_success, unshared
from conformance.contract.yaml_file import parse
from conformance.errors import ConfigurationError
from conformance.resources import contract_file
from conformance.vocabulary import Level, Operation


@dataclass(frozen=True, slots=True)
class Contract:
    """An OpenAPI document with its marks and views. They are shared: do not change them."""

    full: Document
    documented: Document
    marks: tuple[Mark, ...]

    @property
    def digest(self) -> str:
        """A hash of the contract, independent of its formatting."""
        return sha256(json.dumps(self.full, sort_keys=True).encode()).hexdigest()

    def marks_for(self, pointer: str) -> tuple[Mark, ...]:
        """Return the marks that cover the keyword at the JSON pointer, outermost first.

        The pointer starts at the document's root and may pass through references, with or without
        naming ``$ref``, as the paths of validators do. A mark that covers an object on the
        way covers all below it. The last key may be absent: a null that is rejected is a fault of
        ``nullable``. Raise LookupError if the pointer leads nowhere.
        """
        places = self._places(pointer)
        last = places[-1]
        target_of_last = self._reference_at(last)
        return tuple(
            mark
            for place in [*places, *target_of_last]
            for mark in self.marks
            if place in mark.covers and (place == last or not self._names_a_code(place))
        )

    def place_of(self, pointer: str) -> str:
        """The JSON pointer with its references resolved: where the keyword itself stands."""
        return as_pointer(self._places(pointer)[-1])

    def _places(self, pointer: str) -> list[Path]:
        """Every object on the way, as paths from the root."""
        places: list[Path] = [()]
        referrer: Path | None = None
        keys = target(pointer)
        for position, key in enumerate(keys):
            node = look_up(self.full, places[-1])
            if isinstance(node, dict) and "$ref" in node:
                referrer = places[-1]
                places.append(target(node["$ref"]))
                if key == "$ref":
                    continue
                node = look_up(self.full, places[-1])
            if position < len(keys) - 1:
                look_up(node, (key,))
            if referrer is not None:
                # A mark may cover a keyword of the referrer, such as `properties.*.nullable`.
                places.insert(-1, (*referrer, key))
                referrer = None
            indexed = isinstance(node, list) and str(key).isdecimal()
            places.append((*places[-1], int(key) if indexed else key))
        return places

    def _reference_at(self, place: Path) -> list[Path]:
        """Return where the reference at the place leads, if there is one."""
        try:
            node = look_up(self.full, place)
        except LookupError:
            return []
        return [target(node["$ref"])] if isinstance(node, dict) and "$ref" in node else []

    def level_of(self, pointer: str) -> Level:
        """How well the keyword at the JSON pointer is founded: as well as its weakest mark."""
        levels = [mark.level for mark in self.marks_for(pointer)]
        return max([Level.DOCUMENTED, *levels], key=list(Level).index)

    def operation_pointer(self, operation: Operation | None) -> str:
        """Return the JSON pointer to the operation; to all of them for None."""
        for path, item in self.full["paths"].items():
            for method, found in item.items():
                if isinstance(found, dict) and found.get("operationId") == operation:
                    return as_pointer(("paths", path, method))
        return "/paths"

    def _names_a_code(self, place: Path) -> bool:
        """Whether a mark there covers a code of success alone, not its body."""
        return place[-2:-1] == ("responses",) and only_success(
            look_up(self.full, place[:-1]), place[-1]
        )


def load(file: File | None = None) -> Contract:
    """Load the contract in the file, by default the kit's own.

    Raise ConfigurationError with the fault of the file, or of a mark in it, and its place.
    """
    file = file or contract_file()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(
            f"{file}: {fault.strerror}.", "Name an OpenAPI document."
        ) from None
    except UnicodeDecodeError as fault:
        raise ConfigurationError(f"{file}: {fault}", "Save it as YAML in UTF-8.") from None
    return _made(text, file)


@lru_cache(maxsize=2)
def _made(text: str, file: File) -> Contract:
    """Views are worked out once for a text, however often it is read."""
    try:
        full: Any = unshared(parse(text))
    except yaml.YAMLError as fault:
        raise ConfigurationError(f"{file}: {fault}", "Save it as YAML in UTF-8.") from None
    except TypeError as fault:
        raise ConfigurationError(f"{file}: {fault}.", "Quote dates and the like.") from None
    if not isinstance(full, dict) or not isinstance(full.get("paths"), dict):
        raise ConfigurationError(f"{file}: expected paths, got none.", "Name an OpenAPI document.")
    marks = read_marks(full, file.name)
    return Contract(full, documented(full, marks), marks)
