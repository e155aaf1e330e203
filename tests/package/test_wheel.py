"""The built wheel is whole: outside of any checkout it finds its data, and its commands answer."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import conformance
import mock_server

TOP = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), TOP]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a fresh environment with nothing but the wheel, beside what it depends on.

    The dependencies are those of the environment that the tests run in, by path: a path file's
    directories are searched without obeying the path files within, so a checkout that is installed
    there stays out of sight.
    """
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    own = subprocess.run(
        [scripts / "python", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    shared = "\n".join({sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")})
    Path(own.stdout.strip(), "dependencies.pth").write_text(shared, encoding="utf-8")
    return scripts


def run(command: list[object], elsewhere: Path) -> str:
    """What the command prints, from a directory where there is no checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=elsewhere,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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


def test_both_packages_find_contract_and_fixtures(installed: Path, tmp_path: Path) -> None:
    """All that the resources name is there, and it is the wheel's own."""
    code = """
import inspect
import conformance.resources, mock_server.resources
for package in (conformance, mock_server):
    for name, find in inspect.getmembers(package.resources, inspect.isfunction):
        if not name.startswith("_"):
            print(find().exists(), find())
"""
    found = [
        line.split(" ", 1)
        for line in run([installed / "python", "-c", code], tmp_path).splitlines()
    ]
    assert len(found) >= 6
    for there, path in found:
        assert there == "True", path
        assert Path(path).is_relative_to(installed.parent), path


def test_the_contract_in_the_wheel_is_the_contract(wheel: Path) -> None:
    """Byte for byte."""
    packed = zipfile.ZipFile(wheel).read("automation_runs_kit/openapi.yaml")
    assert packed == (TOP / "openapi.yaml").read_bytes()


@pytest.mark.parametrize(
    ("command", "version"),
    [("runs-mock", mock_server.__version__), ("runs-conformance", conformance.__version__)],
)
def test_the_commands_answer(installed: Path, tmp_path: Path, command: str, version: str) -> None:
    """Both are on the path, say who they are and what they can do."""
    assert version in run([installed / command, "--version"], tmp_path)
    assert f"Usage: {command}" in run([installed / command, "--help"], tmp_path)
