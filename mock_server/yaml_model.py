"""Validation of what people write: YAML files, and the parts of requests that have the same form.

A file is validated by a pydantic model. The first error becomes a ``FileError`` with file, line,
key, value and what was expected; an error in a request becomes a ``RequestValidationError``.
Unknown keys are errors.
"""

import datetime
import difflib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mock_server.errors import ErrorDetail, FileError, LocatedError, RequestValidationError

MAX_DEPTH = 100
"""Levels of nesting in a file."""

MAX_SIZE = 4 * 1_048_576
"""The bytes of a file."""

SUFFIXES = (".yaml", ".yml")

MAX_ERRORS = 20
"""Errors that are reported for one request."""


class Model(BaseModel):
    """The base of what a file can contain; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Count = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]
"""A number of things: an integer that every JSON parser reads exactly."""

M = TypeVar("M", bound=BaseModel)

Lines = dict[tuple[str | int, ...], int]


def load(path: Path, model: type[M]) -> tuple[M, Lines]:
    """Return the content of ``path`` as a ``model``, and the lines of its keys. Raise FileError."""
    try:
        text = _read(path)
    except FileNotFoundError:
        link = " at the end of a symbolic link" if path.is_symlink() else ""
        raise FileError(path, None, "", f"expected a file{link}, found none") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, None, "", f"cannot be read as UTF-8 text: {error}") from None
    data, lines = parse(text, path)
    return check(data, model, path, lines), lines


def files(directory: Path) -> list[Path]:
    """Return the YAML files in ``directory``, by name. Raise FileError for two of one name."""
    found: dict[str, Path] = {}
    for path in sorted(one for one in directory.iterdir() if one.suffix in SUFFIXES):
        if path.stem in found:
            other = found[path.stem].name
            raise FileError(path, None, "", f"has the same name as {other}: rename one")
        found[path.stem] = path
    return list(found.values())


def _read(path: Path) -> str:
    # Reading a pipe would wait for a writer, and reading some devices never ends.
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileError(path, None, "", _NO_FILE)
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileError(path, None, "", _NO_FILE)
        content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise FileError(path, None, "", f"is larger than {MAX_SIZE} bytes: make it smaller")
    return content.decode()


_NO_FILE = "expected a regular file, got a directory, a pipe or a device"


def validate_request(model: type[M], data: Any, loc: Sequence[str]) -> M:
    """Return ``data``, which is at ``loc`` of a request, as a ``model``.

    Raise RequestValidationError.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _invalid(error, loc) from None


def validate_item(adapter: TypeAdapter[Any], data: Any, loc: Sequence[str]) -> Any:
    """Return ``data``, which is at ``loc`` of a request, as ``adapter`` validates it.

    Raise RequestValidationError.
    """
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise _invalid(error, loc) from None


def _invalid(error: ValidationError, loc: Sequence[str]) -> RequestValidationError:
    # With the input, each error would be copied out of the document.
    errors = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return RequestValidationError([_detail(one, loc) for one in errors])


def _detail(error: Any, loc: Sequence[str]) -> ErrorDetail:
    here = (*loc, *map(str, (*error["loc"], *_inner_path(error))))
    if error["type"] == "model_type":  # pydantic's message names the class.
        return ErrorDetail(here, "Input should be an object", "dict_type")
    return ErrorDetail(here, error["msg"], error["type"])


def _inner_path(error: Any) -> tuple[str | int, ...]:
    """Return where in the validated value the error is, as far as the validator has said."""
    raised = error.get("ctx", {}).get("error")
    return raised.path if isinstance(raised, LocatedError) else ()


def parse(text: str, path: Path) -> tuple[Any, Lines]:
    """Return the YAML in ``text`` and the line of each key. Raise FileError."""
    lines: Lines = {(): 1}
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        _walk(node, (), lines, set(), path)
        return (None if node is None else loader.construct_document(node)), lines
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if _is_too_deep(text):
            raise FileError(path, None, "", _TOO_DEEP) from None
        if isinstance(error, yaml.MarkedYAMLError):
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise FileError(path, line, "", f"is not YAML: {error.problem}") from None
        raise FileError(path, None, "", f"is not YAML: {error}") from None
    finally:
        loader.dispose()


_TOO_DEEP = f"is nested too deeply: use at most {MAX_DEPTH} levels"


def _is_too_deep(text: str) -> bool:
    """Return whether the nesting explains that ``text`` cannot be parsed."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return True
    except yaml.YAMLError:
        return False
    return False


def check(data: Any, model: type[M], path: Path, lines: Lines) -> M:
    """Return ``data`` as a ``model``. Raise FileError for the first error in the file."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        located = [(_location(one), one) for one in error.errors()]
        loc, first = min(located, key=lambda one: _line(one[0], lines))
        message = _explain(first, model)
        more = f" (and {len(located) - 1} more)" if len(located) > 1 else ""
        raise FileError(path, _line(loc, lines), _spell(loc), message + more) from None


def _location(error: Any) -> tuple[str | int, ...]:
    return (*(part for part in error["loc"] if _is_key(part)), *_inner_path(error))


def _walk(
    node: yaml.Node | None, at: tuple[str | int, ...], lines: Lines, seen: set[int], path: Path
) -> None:
    """Note the line of each key. Raise FileError for a duplicate key, an alias and deep nesting."""
    if not isinstance(node, yaml.CollectionNode):
        return
    line = node.start_mark.line + 1
    if id(node) in seen:  # A few lines of aliases can expand to gigabytes.
        raise FileError(path, line, "", "is used again by an alias (*name); write it out instead")
    if len(at) >= MAX_DEPTH:
        raise FileError(path, line, "", _TOO_DEEP)
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            line = key.start_mark.line + 1
            if isinstance(key, yaml.CollectionNode):
                raise FileError(path, line, _spell(at), _KEY)
            if here in lines:
                raise FileError(path, line, _spell(here), "is a duplicate; remove one")
            lines[here] = line
            _walk(value, here, lines, seen, path)
    else:
        for index, value in enumerate(node.value):
            here = (*at, index)
            lines[here] = value.start_mark.line + 1
            _walk(value, here, lines, seen, path)


_KEY = "a key is a mapping or a list; put a placeholder such as '{{name}}' in quotes"


def _line(loc: Sequence[str | int], lines: Lines) -> int:
    """Return the line of the longest prefix of ``loc`` that is in the file."""
    for length in range(len(loc), 0, -1):
        if tuple(loc[:length]) in lines:
            return lines[tuple(loc[:length])]
    return 1


def _is_key(part: str | int) -> bool:
    """Return whether part of a location is a key or an index; pydantic also names types."""
    return isinstance(part, int) or (part.isidentifier() and part not in _TYPE_NAMES)


_TYPE_NAMES = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple"})


def _spell(loc: Sequence[str | int]) -> str:
    """Return a location as people write it: ``steps[1].takes``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _explain(error: Any, model: type[BaseModel]) -> str:
    value = error["input"]
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    match error["type"]:
        case "extra_forbidden":
            known = sorted(_known_keys(model, error["loc"][:-1]))
            near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return f"is not a key here; {hint}known keys: {', '.join(known)}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "model_type" | "dict_type":
            return f"should be a mapping of keys to values, not {shown}"
        case "string_type" | "enum" | "literal_error" if isinstance(value, _NOT_TEXT):
            return f"should be a string, and YAML reads this as {_kind(value)}: put it in quotes"
        case _:
            return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {shown}"


_NOT_TEXT = (bool, int, float, datetime.date)


def _kind(value: object) -> str:
    match value:
        case bool():
            return f"{str(value).lower()} (yes, no, on and off are such words)"
        case datetime.date():
            return f"the date {value}"
        case _:
            return f"the number {value}"


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """Return the keys of the model at ``loc`` below ``model``."""
    for part in loc:
        if isinstance(part, int):
            continue
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                nested = _model_in(field.annotation)
                model = nested or model
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found:
            return found
    return None
