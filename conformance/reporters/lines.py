"""Where in the contract's file something stands: the line of a JSON pointer, and the pointer of an
operation."""

from __future__ import annotations

from typing import Any

import yaml

from conformance.contract.contract import Contract
from conformance.contract.evidence import as_pointer
from conformance.contract.views import target
from conformance.vocabulary import Operation

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Lines:
    """The lines of a YAML document, from 1."""

    def __init__(self, text: str) -> None:
        self._root: Any = yaml.compose(text, Loader=_LOADER)

    def of(self, pointer: str) -> int:
        """The line of the key that the pointer leads to, or of the deepest that is there."""
        node, line = self._root, 1
        for key in target(pointer):
            found = _below(node, str(key))
            if found is None:
                break
            line, node = found
        return line


def operation_pointer(contract: Contract, operation: Operation | None) -> str:
    """Where the contract has the operation; all of them for none."""
    for path, item in contract.full["paths"].items():
        for method, found in item.items():
            if isinstance(found, dict) and found.get("operationId") == operation:
                return as_pointer(("paths", path, method))
    return "/paths"


def _below(node: Any, key: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        item = node.value[int(key)]
        return item.start_mark.line + 1, item
    return None
