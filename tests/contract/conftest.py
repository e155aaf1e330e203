"""The contract, the transcription of the reference page, and the tools written for Node."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract import Contract, load
from conformance.resources import reference_file

TOOLS = Path(__file__).parent / "tools"
OLDEST_NODE = (20, 19)


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract with its marks and views."""
    return load()


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """What the reference page says."""
    facts: dict[str, Any] = yaml.safe_load(reference_file().read_text(encoding="utf-8"))
    return facts


@pytest.fixture(scope="session")
def node_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of the tools in `tools/package.json`: `node_tool("tsc", "--version")`."""
    if "CI" not in os.environ and (missing := _missing()):
        pytest.skip(f"{missing}: Redocly, Spectral and tsc were not asked")

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = TOOLS / "node_modules" / ".bin" / name
        assert command.exists(), f"{name} is not installed: run `make tools`"
        quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
        done = subprocess.run(
            [command, *map(str, arguments)],
            env=os.environ | quiet,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        return done

    return run


def _missing() -> str | None:
    """Why this machine cannot run the tools, if it cannot."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "Node and npm are not on this machine"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    major, minor = version.stdout.strip().removeprefix("v").split(".")[:2]
    if (int(major), int(minor)) < OLDEST_NODE:
        return f"Node {version.stdout.strip()} is older than {'.'.join(map(str, OLDEST_NODE))}"
    return None
