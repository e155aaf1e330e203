"""Follow JSON pointers and references in a document."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
# One step down from the document's root: the key of a mapping or the index of a list.
Path = tuple[str | int, ...]


def as_pointer(path: Path) -> str:
    """Return the path as a JSON pointer."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def target(reference: str) -> Path:
    """Return the path that a JSON pointer, or a reference into its own document, names."""
    keys = reference.removeprefix("#").split("/")[1:]
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in keys)


def look_up(node: Any, path: Path) -> Any:
    """Return the value at the path below the node. Raise LookupError if there is none."""
    for key in path:
        if isinstance(node, list) and str(key).isdecimal():
            node = node[int(key)]
        elif isinstance(node, dict):
            node = node[key]
        else:
            raise KeyError(key)
    return node


def resolve(document: Document, node: Any) -> Any:
    """Return the node, or the target of its reference. Raise LookupError if that is missing."""
    while isinstance(node, dict) and "$ref" in node:
        node = look_up(document, target(node["$ref"]))
    return node


def references(node: Any) -> Iterator[str]:
    """Yield every reference in a document or in a part of one."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)
