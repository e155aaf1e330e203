"""Parse YAML into plain data, and find the lines of a document."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml

from conformance.contract.pointer import target

# The compiled parser, where it is there, is ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=8)
def parse(text: str) -> Any:
    """Return the document in the text; it is shared, do not change it. Raise yaml.YAMLError, which
    names the place."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, either way


class Lines:
    """The line numbers of a YAML document, from 1."""

    def __init__(self, text: str) -> None:
        self._root: Any = yaml.compose(text, Loader=_LOADER)

    def of(self, pointer: str) -> int:
        """Return the line of the key at the JSON pointer, or of the deepest one that exists."""
        node, line = self._root, 1
        for key in target(pointer):
            found = _below(node, str(key))
            if found is None:
                break
            line, node = found
        return line


def _below(node: Any, key: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        item = node.value[int(key)]
        return item.start_mark.line + 1, item
    return None
