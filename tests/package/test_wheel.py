"""The built wheel is complete: outside of any checkout it finds its data, and each of its packages
runs with the libraries of its own extra and no others."""

from __future__ import annotations

import ast
import json
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from environments import EXTRAS, TOP, Environment, closure, required, run, wheel_metadata
from packaging.utils import canonicalize_name

import conformance
import mock_server
from mock_server.http import dashboard

pytestmark = pytest.mark.package

WITHOUT_IMPORT = {"httptools", "pytest-xdist", "uvloop"}
"""Libraries that are needed and imported by others: uvicorn and pytest load them by name."""
BY_MCP = {"anyio", "pydantic", "starlette", "uvicorn"}
"""Libraries that the SDK of the extra `mcp` installs."""
OPTIONAL_IMPORT = {
    "mock_server": {"pytest", "redis", "hiredis", "mcp"},
    "conformance": {"mcp", *BY_MCP},
}
"""Libraries that a module may import and its extra does not install: pytest, which the users of the
mock's fixtures have, and those of the extras `store` and `mcp`."""

# The hooks load only where the kit prepares Schemathesis (`test_the_kit_checks`),
# and the modules for Valkey and for agents need other extras.
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
for name in names:
    optional = (f"{package.__name__}.mcp.", f"{package.__name__}.store.valkey")
    if not name.startswith(optional) and name.rpartition(".")[2] not in {"__main__", "hooks"}:
        importlib.import_module(name)
print(len(names))
"""

DATA = """
import importlib, inspect, sys
resources = importlib.import_module(f"{sys.argv[1]}.resources")
for name, find in inspect.getmembers(resources, inspect.isfunction):
    if not name.startswith("_"):
        print(find().exists(), find())
"""

REQUEST = """
from mock_server.testing import MockWorld, serving
with serving() as url, MockWorld(url, "test-wheel", scale=0) as world:
    run_id = world.create("quick-success")
    world.advance(60)
    print(world.run(run_id)["status"])
"""


def imported(package: str) -> set[str]:
    """Return the libraries that the modules of a package import, by distribution name."""
    tops = set()
    for file in (TOP / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops.add(node.module.partition(".")[0])
    owners = packages_distributions()
    others = tops - sys.stdlib_module_names - {package}
    return {canonicalize_name(owner) for top in others for owner in owners[top]}


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    """No tests, no tools, no cache; the contract and the fixtures once for both packages."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "automation_runs_kit",
        "conformance",
        "mock_server",
    }
    assert not [name for name in names if "__pycache__" in name]
    assert [name for name in names if name.endswith("openapi.yaml")] == [
        "automation_runs_kit/openapi.yaml"
    ]
    assert {"conformance/py.typed", "mock_server/py.typed"} <= set(names)
    assert {f"mock_server/dashboard/{name}" for name in dashboard.files()} <= set(names)
    assert [name for name in names if name.endswith(".dist-info/licenses/NOTICE")]


def test_the_contract_in_the_wheel_is_the_contract(wheel: Path) -> None:
    """Byte for byte."""
    packed = zipfile.ZipFile(wheel).read("automation_runs_kit/openapi.yaml")
    assert packed == (TOP / "openapi.yaml").read_bytes()


@pytest.mark.parametrize("package", EXTRAS)
def test_what_is_imported_is_declared_and_the_reverse(wheel: Path, package: str) -> None:
    """A library is not there by chance, because another needs it; and none is installed for
    nothing."""
    declared = {
        canonicalize_name(requirement.name)
        for requirement in required(wheel_metadata(wheel), [EXTRAS[package]])
    }
    assert imported(package) - declared == OPTIONAL_IMPORT[package]
    assert declared - imported(package) <= WITHOUT_IMPORT


@pytest.mark.extended
def test_each_package_runs_without_the_libraries_of_the_other(
    mock_alone: Environment, kit_alone: Environment, plain: Environment, tmp_path: Path
) -> None:
    """A team that builds a client installs no Hypothesis, a gate no Flask; all modules load."""
    kit = {"hypothesis", "schemathesis", "junitparser", "pytest-xdist"}
    mock = {"flask", "connexion", "faker", "uvicorn", "pydantic", "watchfiles"}
    assert kit <= kit_alone.libraries
    assert not kit & mock_alone.libraries
    assert mock <= mock_alone.libraries
    assert not mock & kit_alone.libraries
    assert not (mock | kit) & plain.libraries
    for environment, package in ((mock_alone, "mock_server"), (kit_alone, "conformance")):
        loaded = run([environment.python, "-c", IMPORT_ALL, package], tmp_path)
        assert int(loaded.splitlines()[-1]) > 50


@pytest.mark.parametrize("package", EXTRAS)
def test_each_package_finds_contract_and_fixtures(
    plain: Environment, tmp_path: Path, package: str
) -> None:
    """All that the resources name is there, and it is the wheel's own."""
    found = [
        line.split(" ", 1)
        for line in run([plain.python, "-c", DATA, package], tmp_path).splitlines()
    ]
    assert len(found) >= 5
    for exists, path in found:
        assert exists == "True", path
        assert Path(path).is_relative_to(plain.scripts.parent), path


@pytest.mark.parametrize(
    ("command", "version"),
    [("runs-mock", mock_server.__version__), ("runs-conformance", conformance.__version__)],
)
def test_the_commands_start(plain: Environment, tmp_path: Path, command: str, version: str) -> None:
    """Both are on the path, print their version and what they can do, also without an extra."""
    assert version in run([plain.scripts / command, "--version"], tmp_path)
    assert f"Usage: {command}" in run([plain.scripts / command, "--help"], tmp_path)


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["runs-mock", "serve", "--port", "0"], "mock"),
        (["runs-conformance", "run", "--base-url", "http://127.0.0.1:9"], "kit"),
    ],
)
def test_a_missing_extra_is_named(
    plain: Environment, tmp_path: Path, command: list[str], extra: str
) -> None:
    """With the command that installs it, and without a traceback."""
    printed = run([plain.scripts / command[0], *command[1:]], tmp_path, code=2)
    assert f"pip install 'automation-runs-kit[{extra}]'" in printed
    assert "Traceback" not in printed


@pytest.mark.extended
def test_the_mock_serves(mock_alone: Environment, tmp_path: Path) -> None:
    """From the wheel, with its own libraries only: a run from start to end."""
    assert run([mock_alone.python, "-c", REQUEST], tmp_path).splitlines() == ["completed"]
    assert "diamond" in run([mock_alone.scripts / "runs-mock", "scenarios"], tmp_path)
    words = ["serve", "--port", "0", "--store", "valkey://127.0.0.1"]
    printed = run([mock_alone.scripts / "runs-mock", *words], tmp_path, code=2)
    assert "pip install 'automation-runs-kit[mock,store]'" in printed
    printed = run([mock_alone.scripts / "runs-mock", "mcp"], tmp_path, code=2)
    assert "pip install 'automation-runs-kit[mock,mcp]'" in printed


@pytest.mark.extended
def test_the_kit_checks(kit_alone: Environment, mock_server_url: str, tmp_path: Path) -> None:
    """From the wheel, with its own libraries only: checks, the fuzzer and every kind of report."""
    words = ["--base-url", mock_server_url, "--token", "test-wheel", "--workers", "2"]
    words += ["--include", "LIST-0[1-3]", "--include", "FUZZ-EXAMPLES-LIST", "--html", "r.html"]
    words += ["--junit", "r.xml", "--json", "r.json", "--sarif", "r.sarif"]
    run([kit_alone.scripts / "runs-conformance", "run", *words], tmp_path)
    assert {file.name for file in tmp_path.iterdir()} >= {"r.html", "r.xml", "r.json", "r.sarif"}
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["counts"]["pass"] == 4
    printed = run([kit_alone.scripts / "runs-conformance", "mcp"], tmp_path, code=2)
    assert "pip install 'automation-runs-kit[kit,mcp]'" in printed


@pytest.mark.extended
@pytest.mark.parametrize("extra", EXTRAS.values())
def test_pip_installs_what_is_linked_here(wheel: Path, tmp_path: Path, extra: str) -> None:
    """The environments of the other tests have the libraries, neither more nor fewer, that pip
    installs for the extra."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    run([*pip, "--dry-run", "--ignore-installed", "--report", "r", f"{wheel}[{extra}]"], tmp_path)
    report = json.loads((tmp_path / "r").read_text(encoding="utf-8"))
    names = {canonicalize_name(item["metadata"]["name"]) for item in report["install"]}
    assert names - {"automation-runs-kit"} == set(closure(wheel_metadata(wheel), [extra]))
