"""The recipes for Vitest and Playwright, run as their users run them, each in a copy."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import node
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
VITEST = EXAMPLES / "vitest_client"
PLAYWRIGHT = EXAMPLES / "playwright_client"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
PATIENCE = 300
"""Seconds after which what should have ended is given up; nothing waits for them to pass."""


def copy(example: Path, tool: str, where: Path) -> Path:
    """The example without what its runs leave behind, and with the packages that are installed."""
    node.tool(tool, example)
    leave = shutil.ignore_patterns("node_modules", "contract.d.ts", "test-results")
    project = Path(shutil.copytree(example, where / example.name, ignore=leave))
    (project / "node_modules").symlink_to(example / "node_modules")
    return project


def run(
    project: Path, *command: object, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it there, with `runs-mock` on the path unless that is given."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("RUNS_MOCK_")}
    scripts = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        list(map(str, command)),
        cwd=project,
        env=plain | {"PATH": path or scripts, "NO_COLOR": "1", "CHROMIUM": str(CHROMIUM)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.extended
def test_vitest(tmp_path: Path) -> None:
    """The types are made from the contract, the client is held against them, and its tests pass,
    side by side on two workers."""
    done = run(copy(VITEST, "vitest", tmp_path), "npm", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Tests +44 passed \(44\)$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.extended
def test_vitest_without_the_mock(tmp_path: Path) -> None:
    """What is missing is said, and no test runs."""
    project = copy(VITEST, "vitest", tmp_path)
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    (elsewhere / "node").symlink_to(str(shutil.which("node")))
    done = run(project, project / "node_modules/.bin/vitest", "run", path=str(elsewhere))
    assert done.returncode == 1
    expected = "runs-mock did not start: spawn runs-mock ENOENT; is its Python environment active?"
    assert expected in done.stderr, done.stdout + done.stderr


@pytest.mark.extended
@pytest.mark.skipif(
    "CI" not in os.environ and not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"
)
def test_playwright(tmp_path: Path) -> None:
    """A page in a real browser shows what happens as time moves on."""
    done = run(copy(PLAYWRIGHT, "playwright", tmp_path), "npm", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ +39 passed ", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("name", ["world.ts", "exam.ts"])
def test_both_recipes_hold_the_same_helpers(name: str) -> None:
    """Each can be copied by itself; what both need is byte for byte the same."""
    here, there = (example / "tests" / name for example in (VITEST, PLAYWRIGHT))
    assert here.read_bytes() == there.read_bytes()
