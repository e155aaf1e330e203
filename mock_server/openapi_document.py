"""An OpenAPI document: its text, its content and the targets of its references."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from mock_server import resources

VERSIONS = ("3.0", "3.1", "3.2")
"""The OpenAPI versions of the contract, that of the source first."""
VIEWS = ("full", "documented")
"""What a form of the contract contains: everything, or what is documented or derived."""


def contract_form(version: str, view: str) -> Path:
    """Return the path of the contract in a version and view."""
    if (version, view) == (VERSIONS[0], VIEWS[0]):
        return resources.contract_file()
    return resources.forms_dir() / f"openapi-{version}-{view}.json"


@lru_cache(maxsize=2)
def parse(text: str) -> dict[str, Any]:
    """Return the content of a document in YAML. The mocks of a process share it: do not change it.

    Parsing takes a third of the time to create a mock, and tests create hundreds.
    """
    content: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return content


class OpenApiDocument:
    """One of the documents that come with the mock; ``text`` is YAML, ``content`` is parsed."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.content = parse(self.text)

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Return ``node``, or the object that its ``$ref`` points to."""
        while "$ref" in node:
            target: Any = self.content
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            node = target
        return node
