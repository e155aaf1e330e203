"""Tools of others that are written for Node: where they are, and whether they can run here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent / "contract" / "tools"
OLDEST_NODE = (20, 19)


def tool(name: str, project: Path = TOOLS) -> Path:
    """The command of that name in the project's `package.json`. A machine without Node skips the
    test that asks for it, unless it is CI's."""
    if "CI" not in os.environ and (missing := _missing()):
        pytest.skip(f"{missing}: {name} was not asked")
    command = project / "node_modules" / ".bin" / name
    assert command.exists(), f"{name} is not installed: run `make tools`"
    return command


def _missing() -> str | None:
    """Why this machine cannot run the tools, if it cannot."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "Node and npm are not on this machine"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    major, minor = version.stdout.strip().removeprefix("v").split(".")[:2]
    if (int(major), int(minor)) < OLDEST_NODE:
        return f"Node {version.stdout.strip()} is older than {'.'.join(map(str, OLDEST_NODE))}"
    return None
