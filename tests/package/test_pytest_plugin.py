"""The mock's fixtures are there as soon as the mock is installed, and cost other tests nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import Environment, run, wheel_metadata

pytestmark = [pytest.mark.package, pytest.mark.extended]

PLUGIN = "mock_server.pytest_plugin"

CLIENT = """
def test_a_run_completes(mock_world):
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    assert mock_world.run(run_id)["status"] == "completed"
"""

OPTION = """
def test_the_plugin_is_there(pytestconfig):
    assert pytestconfig.getoption("--mock-session") == ""
"""

LOADED = """
import sys

def test_no_library_of_the_mock_is_loaded():
    heavy = {"click", "connexion", "faker", "flask", "httpx2", "pydantic", "starlette", "yaml"}
    assert heavy & set(sys.modules) == set()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a test that uses the mock, and nothing that configures it."""
    (tmp_path / "test_client.py").write_text(CLIENT, encoding="utf-8")
    return tmp_path


def run_tests(environment: Environment, project: Path, *words: str, **variables: str) -> str:
    pytest_command = [environment.python, "-m", "pytest", "-q", "-W", "error", *words]
    return run([*pytest_command, "-p", "no:cacheprovider"], project, **variables)


def test_the_fixtures_are_there_after_installation(mock_alone: Environment, project: Path) -> None:
    """Without a line of configuration."""
    assert "1 passed" in run_tests(mock_alone, project)


def test_pytest_starts_without_the_libraries_of_the_mock(
    mock_alone: Environment, tmp_path: Path
) -> None:
    """Tests that do not use the mock do not wait for it. Two of its libraries have plugins of their
    own, which load them."""
    (tmp_path / "test_other.py").write_text(LOADED, encoding="utf-8")
    others = [word for library in ("anyio", "faker") for word in ("-p", f"no:{library}")]
    assert "1 passed" in run_tests(mock_alone, tmp_path, *others)


@pytest.mark.parametrize("autoload", ["", "1"], ids=["installed plugins", "no installed plugins"])
def test_naming_the_plugin_does_not_register_it_twice(
    mock_alone: Environment, tmp_path: Path, autoload: str
) -> None:
    """A project that names it keeps working, also where pytest loads no installed plugins."""
    (tmp_path / "test_option.py").write_text(OPTION, encoding="utf-8")
    variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": autoload} if autoload else {}
    assert "1 passed" in run_tests(mock_alone, tmp_path, "-p", PLUGIN, **variables)
    (tmp_path / "conftest.py").write_text(f'pytest_plugins = ["{PLUGIN}"]\n', encoding="utf-8")
    assert "1 passed" in run_tests(mock_alone, tmp_path, **variables)


def test_the_kit_is_silent_unless_it_is_asked_for(
    kit_alone: Environment, wheel: Path, tmp_path: Path
) -> None:
    """Its plugin is not loaded by itself: not even its options are there."""
    (entry,) = wheel_metadata(wheel).entry_points.select(group="pytest11")
    assert (entry.name, entry.value) == (PLUGIN, PLUGIN)
    pytest_help = [kit_alone.python, "-m", "pytest", "--help"]
    assert "--runs-base-url" not in run(pytest_help, tmp_path)
    assert "--runs-base-url" in run([*pytest_help, "-p", "conformance.plugin"], tmp_path)


def test_a_fixture_without_the_extra_names_the_extra(kit_alone: Environment, project: Path) -> None:
    """The plugin is in every wheel; the libraries of the mock are not."""
    printed = run(
        [kit_alone.python, "-m", "pytest", "-q", "-k", "completes", "-p", "no:cacheprovider"],
        project,
        code=pytest.ExitCode.TESTS_FAILED,
    )
    assert "pip install 'automation-runs-kit[mock]'" in printed
