"""The contract without everything that carries a mark: what the reference page itself says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from conformance.contract.evidence import Mark
from conformance.contract.pointer import Document, look_up
from conformance.contract.views import GONE, deepest_first, stand_in, tidied, unshared

_ALTERNATIVES = ("anyOf", "oneOf")


def stripped(document: Document, marks: Iterable[Mark]) -> Document:
    """What the reference page itself says."""
    view = unshared(document)
    for place in deepest_first(marks):
        if not stand_in(view, place):
            look_up(view, place[:-1])[place[-1]] = GONE
    return cast(Document, _collapsed(tidied(view)))


def _collapsed(node: Any) -> Any:
    """A choice of one is none."""
    if isinstance(node, list):
        return [_collapsed(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _collapsed(value) for key, value in node.items()}
    for key in _ALTERNATIVES:
        if isinstance(node.get(key), list) and len(node[key]) == 1:
            node |= node.pop(key)[0]
    return node
