"""Reading the YAML files that people write, so that a mistake is reported where it stands.

A file is checked against a pydantic model; whatever the model refuses comes back as one
``FileError`` that names file, line, key, value and what was expected. Unknown keys are refused.
"""

import datetime
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mock_server.errors import FileError


class Model(BaseModel):
    """Base of what a file may hold: keys as the contract spells them, none but the known ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


M = TypeVar("M", bound=BaseModel)

Lines = dict[tuple[str | int, ...], int]


def load(path: Path, model: type[M]) -> tuple[M, Lines]:
    """What ``path`` holds, as a ``model``, and where its keys stand. Raises FileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileError(path, None, "", "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, None, "", f"cannot be read as UTF-8 text: {error}") from None
    data, lines = parse(text, path)
    return check(data, model, path, lines), lines


def parse(text: str, path: Path) -> tuple[Any, Lines]:
    """The YAML in ``text`` and the line of each key in it. Raises FileError."""
    lines: Lines = {(): 1}
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        _reject_aliases(node, set(), path)
        _number(node, (), lines, path)
        return yaml.load(text, Loader=yaml.CSafeLoader), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError(path, line, "", f"is not YAML: {error.problem}") from None
    except RecursionError:
        raise FileError(path, None, "", "is nested too deeply to be meant") from None
    except (yaml.YAMLError, ValueError) as error:
        raise FileError(path, None, "", f"is not YAML: {error}") from None


def check(data: Any, model: type[M], path: Path, lines: Lines) -> M:
    """``data`` as a ``model``. Raises FileError for the first fault, in the order of the file."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = sorted(error.errors(), key=lambda fault: _line(fault["loc"], lines))
        fault = faults[0]
        loc = tuple(part for part in fault["loc"] if _is_key(part))
        message = _explain(fault, model)
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise FileError(path, _line(loc, lines), _spell(loc), message + more) from None


def _reject_aliases(node: yaml.Node | None, seen: set[int], path: Path) -> None:
    """A node that is met twice stands for an alias; a few lines of them unfold to gigabytes."""
    if not isinstance(node, yaml.CollectionNode):
        return
    if id(node) in seen:
        line = node.start_mark.line + 1
        raise FileError(path, line, "", "is used again by an alias (*name); write it out instead")
    seen.add(id(node))
    for inner in node.value:
        for each in inner if isinstance(inner, tuple) else (inner,):
            _reject_aliases(each, seen, path)


def _number(node: yaml.Node | None, at: tuple[str | int, ...], lines: Lines, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            if here in lines:
                raise FileError(
                    path, key.start_mark.line + 1, _spell(here), "is there twice; leave one"
                )
            lines[here] = key.start_mark.line + 1
            _number(value, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*at, index)] = value.start_mark.line + 1
            _number(value, (*at, index), lines, path)


def _line(loc: Sequence[str | int], lines: Lines) -> int:
    """The line of the longest part of ``loc`` that stands in the file."""
    for length in range(len(loc), 0, -1):
        if tuple(loc[:length]) in lines:
            return lines[tuple(loc[:length])]
    return 1


def _is_key(part: str | int) -> bool:
    """Whether part of a location is a key or an index; pydantic also names the kinds it tried."""
    return isinstance(part, int) or (part.isidentifier() and part not in _KINDS)


_KINDS = frozenset({"str", "int", "float", "bool", "list", "dict", "tuple"})


def _spell(loc: Sequence[str | int]) -> str:
    """A location as people write it: ``steps[1].takes``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _explain(fault: Any, model: type[BaseModel]) -> str:
    value = fault["input"]
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    match fault["type"]:
        case "extra_forbidden":
            known = sorted(_known_keys(model, fault["loc"][:-1]))
            near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return f"is no key here; {hint}known keys: {', '.join(known)}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "model_type" | "dict_type":
            return f"should be a mapping of keys to values, not {shown}"
        case "string_type" | "enum" | "literal_error" if isinstance(value, _READ_OTHERWISE):
            return f"should be a text, and YAML reads this as {_kind(value)}: put it in quotes"
        case _:
            return f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {shown}"


_READ_OTHERWISE = (bool, int, float, datetime.date)


def _kind(value: object) -> str:
    match value:
        case bool():
            return f"{str(value).lower()} (yes, no, on and off are such words)"
        case datetime.date():
            return f"the date {value}"
        case _:
            return f"the number {value}"


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """The keys of the model that stands at ``loc`` below ``model``."""
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
