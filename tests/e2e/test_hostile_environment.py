"""The command ``runs-mock`` with an output, a locale or warnings that make programs fail."""

import subprocess
from pathlib import Path

import httpx2
import pytest
from processes import PATIENCE, RUNS_MOCK, Server, environment

FULL = Path("/dev/full")
PLAIN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(script: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command in which ``$0`` is ``runs-mock``."""
    return subprocess.run(
        ["bash", "-c", script, RUNS_MOCK],
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.skipif(not FULL.exists(), reason="no full device on this system")
@pytest.mark.parametrize("arguments", ["scenarios", "openapi", "--version", "serve --port 0"])
def test_a_full_output_is_one_line(arguments: str) -> None:
    """And exit code 2."""
    done = run(f'"$0" {arguments} >{FULL}')
    assert done.returncode == 2
    assert done.stderr.startswith(b"runs-mock: stdout: cannot write: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", ["openapi", "scenarios"])
def test_a_closed_output_prints_no_traceback(arguments: str) -> None:
    """Silent before ``| head``, with a code, and silent without an output."""
    done = run(f'"$0" {arguments} | true; exit ${{PIPESTATUS[0]}}')
    assert (done.returncode in {0, 1}, done.stderr) == (True, b"")
    assert run(f'"$0" {arguments} >&-').stderr == b""
    assert run(f'"$0" {arguments} >&- 2>&-').returncode in {0, 1}


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        PLAIN_C,
        {"LC_ALL": "xx_XX.unknown"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
)
def test_any_locale_shows_every_name(variables: dict[str, str]) -> None:
    """With a question mark for what it cannot show."""
    done = run('"$0" scenarios unicode; "$0" scenarios $\'\\xff\\xc3\\xa4\\e[1m\'', **variables)
    assert done.returncode == 2
    assert b"Names in many scripts" in done.stdout
    # The shell warns of an unknown locale as well.
    (line,) = [one for one in done.stderr.splitlines() if b"setlocale" not in one]
    assert line.startswith(b"runs-mock: ")
    assert b"\x1b" not in line


def test_warnings_as_errors_change_nothing() -> None:
    """Those of libraries are not the user's."""
    command = [RUNS_MOCK, "serve", "--port", "0", "--start", "empty"]
    with Server(command, "^Ctrl-C", PYTHONWARNINGS="error", **PLAIN_C) as mock:
        answer = httpx2.get(f"{mock.url}/api/v1/automation-runs", headers={"X-API-Key": "demo"})
        assert answer.status_code == 200
        assert httpx2.get(f"{mock.url}/docs").status_code == 200
        mock.interrupt()
        assert mock.wait() == 0
        assert mock.errors() == ""
