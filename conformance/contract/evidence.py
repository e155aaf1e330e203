"""Read and check the marks under ``x-evidence``: how well each part of the contract is known.

The reference page is the only source that is *documented*. Any other part of the contract bears a
mark that names its keywords and gives the reason; a part without a mark is documented. A fault in
something documented or derived is a violation, in anything weaker a deviation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.contract.pointer import Path, as_pointer, look_up
from conformance.contract.yaml_file import parse
from conformance.errors import ConfigurationError
from conformance.resources import questions_file
from conformance.vocabulary import Level

MARKS = "x-evidence"
QUESTIONS = tuple(parse(questions_file().read_text(encoding="utf-8")))
"""The numbers of the open questions."""

_KEYS = ("level", "covers", "because", "question")
_LEVELS = tuple(level for level in Level if level is not Level.DOCUMENTED)
_NAMED = {"headers", "parameters", "paths", "properties", "responses", "schemas", "securitySchemes"}
_PAYLOADS = {"default", "enum", "example", "value"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One reason for something that the reference page does not say.

    ``pointer`` leads to the object that bears the mark; ``covers`` are the places it covers,
    as paths from the document's root, with wildcards resolved.
    """

    pointer: str
    level: Level
    covers: tuple[Path, ...]
    because: str
    question: str | None


def read_marks(document: dict[str, Any], file: str) -> tuple[Mark, ...]:
    """Every mark of the document, in order. A ConfigurationError says where one is malformed."""
    return tuple(
        _read(document, path, index, raw, file)
        for path, marks in _marked_objects(document, (), names=False)
        for index, raw in enumerate(_listed(document, path, marks, file))
    )


def _marked_objects(node: Any, path: Path, *, names: bool) -> Iterator[tuple[Path, Any]]:
    """Objects with marks. Payloads are data, not contract; below ``properties`` and the like a key
    is a name and no keyword."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _marked_objects(item, (*path, index), names=False)
    if not isinstance(node, dict):
        return
    if MARKS in node and not names:
        yield path, node[MARKS]
    for key, value in node.items():
        if names or key not in _PAYLOADS | {MARKS}:
            yield from _marked_objects(value, (*path, key), names=key in _NAMED and not names)


def _listed(document: dict[str, Any], path: Path, marks: Any, file: str) -> list[Any]:
    here = f"{file}#{as_pointer((*path, MARKS))}"
    if not isinstance(marks, list) or not marks:
        raise ConfigurationError(f"{here}: expected a list of marks, got {marks!r}.", "Write one.")
    if "$ref" in look_up(document, path):
        raise ConfigurationError(
            f"{here}: expected no marks at a reference.", "Mark what it refers to."
        )
    return marks


def _read(document: dict[str, Any], path: Path, index: int, raw: Any, file: str) -> Mark:
    here = f"{file}#{as_pointer((*path, MARKS, index))}"
    keys = f"A mark has the keys {', '.join(_KEYS)}."
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{here}: expected a mark, got {raw!r}.", keys)
    for key in raw:
        if key not in _KEYS:
            raise ConfigurationError(f"{here}: unknown key {key!r}.", keys)
    level, covers, because = raw.get("level"), raw.get("covers"), raw.get("because")
    question = raw.get("question")

    def require(valid: bool, key: str, expected: str, hint: str) -> None:
        if not valid:
            raise ConfigurationError(
                f"{here}/{key}: expected {expected}, got {raw.get(key)!r}.", hint
            )

    listed = isinstance(covers, list) and covers and all(isinstance(c, str) for c in covers)
    stated = isinstance(because, str) and because.strip()
    require(level in _LEVELS, "level", "a level", f"Use one of {', '.join(_LEVELS)}.")
    require(bool(listed), "covers", "a list of dotted paths", "Write a list.")
    require(bool(stated), "because", "a reason", "Write it as a sentence.")
    require(
        question is None or question in QUESTIONS,
        "question",
        "an open question",
        f"Use one of {QUESTIONS[0]} to {QUESTIONS[-1]}.",
    )
    bearer = look_up(document, path)
    places: list[Path] = []
    for cover in covers or ():
        found = [()] if cover == "." and path else _places(bearer, tuple(cover.split(".")))
        if not found:
            raise ConfigurationError(
                f"{here}/covers: expected a path that exists, got {cover!r}.",
                "Correct or remove it.",
            )
        places += [(*path, *below) for below in found]
    return Mark(as_pointer(path), Level(str(level)), tuple(places), str(because).strip(), question)


def _places(node: Any, segments: tuple[str, ...]) -> list[Path]:
    """Paths below the node that the segments of a cover match.

    Silence about ``nullable`` says that null is refused, so a cover of it includes its absence
    as well, as long as one of the places has it.
    """
    places = _matches(node, segments)
    present = [path for path in places if _exists(node, path)]
    return places if present and segments[-1] == "nullable" else present


def _matches(node: Any, segments: tuple[str, ...]) -> list[Path]:
    key, rest = segments[0], segments[1:]
    if isinstance(node, list):
        keys: list[str | int] = list(range(len(node))) if key == "*" else []
        if key.isdecimal():
            keys = [int(key)]
    elif isinstance(node, dict):
        keys = list(node) if key == "*" else [key]
    else:
        return []
    if not rest:
        return [(each,) for each in keys]
    return [
        (each, *below)
        for each in keys
        if _exists(node, (each,))
        for below in _matches(node[each], rest)
    ]


def _exists(node: Any, path: Path) -> bool:
    try:
        look_up(node, path)
    except LookupError:
        return False
    return True
