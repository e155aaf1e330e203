"""The contract, the transcription of the reference page, and the tools written for Node."""

import os
import subprocess
from collections.abc import Callable
from typing import Any

import node
import pytest
from plain_yaml import parse_yaml

from conformance.contract.contract import Contract, load
from conformance.resources import reference_file


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract with its marks and views."""
    return load()


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """What the reference page says."""
    facts: dict[str, Any] = parse_yaml(reference_file().read_text(encoding="utf-8"))
    return facts


@pytest.fixture(scope="session")
def node_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of the tools in `tools/package.json`: `node_tool("tsc", "--version")`."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
        done = subprocess.run(
            [node.tool(name), *map(str, arguments)],
            env=os.environ | quiet,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        return done

    return run
