"""The recipe for pytest, run as its users run it: with pytest, in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pytest_client"
TWO_WORKERS = ("-p", "xdist.plugin", "-n", "2")
PATIENCE = 120
"""Seconds after which what should have ended is given up; nothing waits for them to pass."""

MISTAKES = """\
import datetime
import pytest

@pytest.mark.mock_world(sede=7)
def test_an_unknown_key(mock_world): pass

@pytest.mark.mock_world(7)
def test_no_key_at_all(mock_world): pass

@pytest.mark.mock_world(now=datetime.datetime(2026, 3, 2))
def test_no_zone(mock_world): pass

@pytest.mark.mock_world(seed=7)
def test_it_fails(mock_world): assert mock_world.create("flaky") == ""

def test_no_such_scenario(mock_world): mock_world.create("flakey")

def test_no_such_run(mock_world): mock_world.run("7")
"""


def run_pytest(project: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RUNS_MOCK_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=project,
        # Other plugins that are installed with it would take most of the time.
        env=plain | variables | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def worlds(url: str) -> set[str]:
    """The names of the worlds that are open there."""
    with httpx2.Client(base_url=url, verify=False) as client:
        return {world["name"] for world in client.get("/_mock/worlds").json()["items"]}


def outcome(done: subprocess.CompletedProcess[str]) -> str:
    """What pytest says last, without the time it took."""
    return re.sub(r" in [\d.]+s.*", "", done.stdout.strip().splitlines()[-1]).strip("= ")


@pytest.mark.extended
def test_the_example_passes_on_two_workers() -> None:
    """Each worker has a server, each test a world; a warning would be an error."""
    done = run_pytest(EXAMPLE, *TWO_WORKERS, "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome(done) == "29 passed"


def test_sessions_share_a_mock(mock_server_url: str) -> None:
    """With the address of a running mock none is started; a test's world has the same name every
    time, and another one only when the session has a name of its own."""
    before = worlds(mock_server_url)
    done = run_pytest(EXAMPLE, "--mock-url", f"{mock_server_url}/")
    assert outcome(done) == "29 passed", done.stdout + done.stderr
    first = worlds(mock_server_url) - before
    assert len(first) == 30
    for session, more in {"": 0, "another": 2}.items():
        where = {"RUNS_MOCK_URL": mock_server_url, "RUNS_MOCK_SESSION": session}
        done = run_pytest(EXAMPLE, "-k", "tenants", **where)
        assert outcome(done) == "1 passed, 28 deselected", done.stdout + done.stderr
        assert len(worlds(mock_server_url) - before - first) == more


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one file of tests, all of them mistaken."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["mock_server.pytest_plugin"]\n')
    (tmp_path / "test_mistakes.py").write_text(MISTAKES)
    return tmp_path


def test_mistakes_are_explained(project: Path, mock_server_url: str) -> None:
    """Each failure says what was wrong in its own words; of a failed test, its world is shown."""
    said = run_pytest(project, "--mock-url", mock_server_url).stdout
    for expected in (
        r"no world for this test: POST /_mock/reset answered 422: sede: .*",
        r"@pytest\.mark\.mock_world takes keywords, such as seed=7, not 7",
        r"no world for this test: now: 2026-03-02 00:00:00 has no zone; give it one, such as UTC",
        r"<the world 'test-[0-9a-f]{24}' on http://[^ ]+>, opened with \{'seed': 7\}",
        r"E +ValueError: POST /_mock/runs answered 404: scenario: .*, got 'flakey'.*'flaky'.*",
        r"E +ValueError: GET /api/v1/automation-runs/7 answered 422: run_id: .*",
    ):
        assert re.search(f"^{expected}$", said, re.MULTILINE), said


def test_no_mock_where_one_was_named(project: Path) -> None:
    """The address is named, the way to start a mock too, and no traceback is shown."""
    done = run_pytest(project, "-k", "it_fails", RUNS_MOCK_URL="http://127.0.0.1:9")
    assert outcome(done) == "5 deselected, 1 error"
    assert "POST http://127.0.0.1:9/_mock/reset: " in done.stdout
    assert "`runs-mock serve` starts one" in done.stdout
    assert "Traceback" not in done.stdout


def test_an_address_that_is_none(project: Path) -> None:
    """It is refused before any test is collected."""
    done = run_pytest(project, RUNS_MOCK_URL="localhost:8080")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "expected a base URL such as http://127.0.0.1:8080, got 'localhost:8080'" in done.stderr
