"""How well each part of the contract is known: the marks under ``x-evidence``, read and checked.

The reference page is the only source that is *documented*. Whatever else the contract says bears a
mark that names its keywords and gives the reason; what bears none is documented. A fault in
something documented or derived is a violation, in anything weaker a deviation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.errors import ConfigurationError
from conformance.vocabulary import Level

MARKS = "x-evidence"
QUESTIONS = tuple(f"Q{number:02}" for number in range(1, 23))

# One step down from the document's root: the key of a mapping or the index of a list.
Path = tuple[str | int, ...]

_KEYS = ("level", "covers", "because", "question")
_LEVELS = tuple(level for level in Level if level is not Level.DOCUMENTED)
_NAMED = {"headers", "parameters", "paths", "properties", "responses", "schemas", "securitySchemes"}
_PAYLOADS = {"default", "enum", "example", "value"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One reason for something that the reference page does not say.

    ``pointer`` leads to the object that bears the mark; ``covers`` are the places it answers for,
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


def as_pointer(path: Path) -> str:
    """The path as a JSON pointer."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def look_up(node: Any, path: Path) -> Any:
    """What stands at the path below the node. Raises LookupError where nothing does."""
    for key in path:
        if isinstance(node, list) and str(key).isdecimal():
            node = node[int(key)]
        elif isinstance(node, dict):
            node = node[key]
        else:
            raise KeyError(key)
    return node


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
        raise ConfigurationError(f"{here}: {marks!r} is no list of marks.", "Write one or none.")
    if "$ref" in look_up(document, path):
        raise ConfigurationError(f"{here}: a reference bears no marks.", "Mark what it refers to.")
    return marks


def _read(document: dict[str, Any], path: Path, index: int, raw: Any, file: str) -> Mark:
    here = f"{file}#{as_pointer((*path, MARKS, index))}"
    keys = f"A mark has the keys {', '.join(_KEYS)}."
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{here}: {raw!r} is no mark.", keys)
    for key in raw:
        if key not in _KEYS:
            raise ConfigurationError(f"{here}: unknown key {key!r}.", keys)
    level, covers, because = raw.get("level"), raw.get("covers"), raw.get("because")
    question = raw.get("question")
    if level not in _LEVELS:
        raise ConfigurationError(f"{here}/level: {level!r}.", f"It is one of {', '.join(_LEVELS)}.")
    if not isinstance(covers, list) or not covers or not all(isinstance(c, str) for c in covers):
        raise ConfigurationError(f"{here}/covers: {covers!r}.", "It is a list of dotted paths.")
    if not isinstance(because, str) or not because.strip():
        raise ConfigurationError(f"{here}/because: {because!r}.", "Say the reason in a sentence.")
    if question is not None and question not in QUESTIONS:
        raise ConfigurationError(f"{here}/question: {question!r}.", "It is one of Q01 to Q22.")
    bearer = look_up(document, path)
    places: list[Path] = []
    for cover in covers:
        found = [()] if cover == "." and path else _places(bearer, tuple(cover.split(".")))
        if not found:
            raise ConfigurationError(
                f"{here}/covers: {cover!r} matches nothing.", "Drop it or mend it."
            )
        places += [(*path, *below) for below in found]
    return Mark(as_pointer(path), Level(level), tuple(places), because.strip(), question)


def _places(node: Any, segments: tuple[str, ...]) -> list[Path]:
    """Paths below the node that the segments of a cover match.

    Silence about ``nullable`` says that null is refused, so a cover of it answers for its absence
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
