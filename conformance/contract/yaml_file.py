"""YAML into plain data, by the compiled parser where there is one: it is ten times as fast."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """The document in the text; a yaml.YAMLError says what is wrong with it and where."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, either way
