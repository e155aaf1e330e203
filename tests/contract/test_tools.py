"""Other tools agree: linters find nothing, and a frontend compiles against the contract."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from conformance.resources import contract_file

pytestmark = pytest.mark.extended

NodeTool = Callable[..., CompletedProcess[str]]

TOOLS = Path(__file__).parent / "tools"
REDOCLY = ("--config", TOOLS / "redocly.yaml", "--format", "json")
SPECTRAL = ("--ruleset", TOOLS / "spectral.yaml", "--format", "json", "--quiet")


def test_redocly_finds_nothing(node_tool: NodeTool) -> None:
    """Neither errors nor warnings under its recommended rules, but for those named in the file."""
    found = json.loads(node_tool("redocly", "lint", contract_file(), *REDOCLY).stdout)
    assert found["problems"] == []
    assert found["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_spectral_finds_nothing(node_tool: NodeTool) -> None:
    """Not even hints under its recommended rules, but for those named in the file."""
    assert json.loads(node_tool("spectral", "lint", contract_file(), *SPECTRAL).stdout) == []


def test_the_linters_would_complain(node_tool: NodeTool, tmp_path: Path) -> None:
    """Take an operation's id away, and both name the rule that is broken."""
    broken = tmp_path / "openapi.yaml"
    text = contract_file().read_text(encoding="utf-8")
    broken.write_text(text.replace("      operationId: getRun\n", ""), encoding="utf-8")
    redocly = json.loads(node_tool("redocly", "lint", broken, *REDOCLY).stdout)
    spectral = json.loads(node_tool("spectral", "lint", broken, *SPECTRAL).stdout)
    assert [each["ruleId"] for each in redocly["problems"]] == ["operation-operationId"]
    assert [each["code"] for each in spectral] == ["operation-operationId"]


def test_a_frontend_compiles_against_the_generated_types(
    node_tool: NodeTool, tmp_path: Path
) -> None:
    """With all of TypeScript's strictness: what is right is accepted, what is wrong refused.

    By default the generator takes a field with a default for one that is always there, which is
    true of answers and wrong for requests.
    """
    for name in ("frontend.ts", "tsconfig.json"):
        shutil.copy(TOOLS / name, tmp_path)
    types = ("--output", tmp_path / "contract.d.ts", "--default-non-nullable", "false")
    made = node_tool("openapi-typescript", contract_file(), *types)
    assert made.returncode == 0, made.stderr
    compiled = node_tool("tsc", "--project", tmp_path)
    assert compiled.stdout == ""
    assert compiled.returncode == 0
