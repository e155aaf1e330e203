"""The kit among enemies: it always ends within its budget, with a report and words that help, and
never grows beyond bounds."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import call_kit
from hostile import BUDGET, CASES, PARTLY, Case, Hostile, closed_port, only, response, says, silent
from mutating_proxy import Json
from peak_memory import noted, noting_memory

# Starting, the last check's limit and clean-up come on top; a loaded machine is slow at all of it.
SLACK = 25.0
MOST_MEMORY = 400 * 1024
TOKEN = "test-credential-of-the-kit"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run of the kit: exit code, words, report, seconds, and the most memory that
    it or a process of its own took, in KiB."""

    code: int
    output: str
    report: Json
    seconds: float
    memory: int


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory for reports."""
    return tmp_path


def run(home: Path, base_url: str, *words: str) -> Done:
    """The command in a process of its own, watched."""
    out = home / "said"
    memory = home / "memory"
    command = [*noting_memory(memory), *arguments(home, base_url, words)]
    start = time.monotonic()
    with out.open("wb") as sink:
        code = subprocess.call(command, stdout=sink, stderr=subprocess.STDOUT)
    return done(home, code, out.read_text(), time.monotonic() - start, noted(memory))


def run_here(home: Path, base_url: str, *words: str) -> Done:
    """The command in this process, where no amount of data is at stake: it starts at once."""
    start = time.monotonic()
    ended = call_kit(*arguments(home, base_url, words))
    output = ended.stdout + ended.stderr
    return done(home, ended.returncode, output, time.monotonic() - start, 0)


def arguments(home: Path, base_url: str, words: Sequence[str]) -> list[str]:
    """The arguments of the command; little time for a response and for the run, if no other is
    given."""
    given = ["run", "--base-url", base_url, "--token", TOKEN, "--json", str(home / "report.json")]
    given += [] if "--timeout" in words else ["--timeout", "1s"]
    given += [] if "--budget" in words else ["--budget", f"{BUDGET:g}s"]
    return [*given, *words]


def done(home: Path, code: int, output: str, seconds: float, memory: int) -> Done:
    """What became of it, with neither a traceback nor the credential."""
    report = (home / "report.json").read_text()
    assert "Traceback" not in output
    assert TOKEN not in output + report
    return Done(code, output, json.loads(report), seconds, memory)


def words_of(case: Case) -> list[str]:
    """What the kit is asked to check, and for how long at the most."""
    words = [word for each in case.include for word in ("--include", each)]
    return [*words, "--timeout", f"{case.timeout:g}s", "--budget", f"{case.budget:g}s"]


def assert_survived(case: Case, done: Done) -> None:
    """The code, the words, the time and the memory."""
    output = " ".join(done.output.split())
    assert done.code == case.code, output
    reported = output + json.dumps(done.report)
    assert case.output in reported, output
    assert case.never not in output
    assert done.report["exitCode"] == case.code
    assert done.seconds < case.budget + SLACK
    assert done.memory < MOST_MEMORY


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_hostile_server(case: Case, home: Path) -> None:
    """Whatever is asked of it."""
    with Hostile(case.act) as server:
        base, call = f"http://127.0.0.1:{server.port}", run if case.large else run_here
        assert_survived(case, call(home, base, "--read-only", *words_of(case)))


@pytest.mark.extended
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in PARTLY])
def test_a_server_that_is_hostile_at_times(case: Case, home: Path, mock: str) -> None:
    """To some requests, and good to others."""
    with Hostile(case.act, int(mock.rpartition(":")[2])) as server:
        base, call = f"http://127.0.0.1:{server.port}", run if case.large else run_here
        assert_survived(case, call(home, base, *words_of(case)))


def test_an_unknown_host(home: Path) -> None:
    """Is reported from one that refuses."""
    done = run_here(home, "http://no-such-host.invalid")
    assert done.code == 2
    assert "it has no address" in done.output


def test_credentials_do_not_travel(home: Path) -> None:
    """A redirect is not followed, least of all to another host."""
    with Hostile(says(response(b"{}"))) as other:
        there = b"Location: http://localhost:%d/api/v1/automation-runs" % other.port
        with Hostile(says(response(b"", there, status=b"307 Temporary Redirect"))) as server:
            done = run_here(home, f"http://127.0.0.1:{server.port}")
    assert done.code == 2
    assert f"localhost:{other.port}" in done.output
    assert server.heads
    assert other.heads == []


# A run that is interrupted while a socket is made has nothing to close it by.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_the_budget_ends_a_run(home: Path, mock: str) -> None:
    """With a report on what was reached by then, and the names of what was not."""
    with Hostile(only(b"/steps", silent), int(mock.rpartition(":")[2])) as server:
        base = f"http://127.0.0.1:{server.port}"
        words = ["--include", "GET-*", "--include", "STEPS-*", "--include", "LIST-*"]
        done = run_here(home, base, *words, "--budget", "3s")
    assert "the budget of 3 s was spent" in done.output
    late = [e for e in done.report["requirements"] if "the budget" in e["message"]]
    assert late
    assert {e["verdict"] for e in late} == {"inconclusive"}
    assert done.seconds < 3 + SLACK


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_reports(number: signal.Signals, home: Path, proxy: str) -> None:
    """What was found by then, with the exit code of an interruption, and what was not reached."""
    file = home / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--base-url", f"{proxy}/interrupted"]
    command += ["--token", TOKEN, "--json", str(file), "--verbose"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kit:
        assert kit.stdout is not None
        for line in kit.stdout:
            if line.startswith("pass "):
                break
        kit.send_signal(number)
        output, _ = kit.communicate(timeout=60)
    assert kit.returncode == 130, output
    report = json.loads(file.read_text())
    assert report["conclusion"] == "interrupted"
    assert report["requirements"]
    assert set(report["notRun"]) <= set(report["untested"]["interrupted"])
    assert "Run again: this run was interrupted." in output
    assert "budget" not in output
    assert "Traceback" not in output


def test_an_interruption_while_waiting(home: Path) -> None:
    """Before there is anybody to talk to there is a report, too."""
    file = home / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--token", TOKEN, "--json", str(file)]
    command += ["--wait-for-api", "60s", "--base-url"]
    with (
        closed_port() as port,
        subprocess.Popen(
            [*command, f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True
        ) as kit,
    ):
        assert kit.stdout is not None
        assert "waiting for the API" in kit.stdout.readline()
        kit.send_signal(signal.SIGINT)
        output, _ = kit.communicate(timeout=60)
    assert kit.returncode == 130, output
    assert json.loads(file.read_text())["conclusion"] == "interrupted"
    assert "Traceback" not in output


def test_strict_makes_deviations_count(home: Path, proxy: str) -> None:
    """A mutant that falls short only of what is inferred: 0, and 1 under --strict."""
    base, only_this = f"{proxy}/page-not-found", ("--include", "HTTP-02")
    lenient = run_here(home, base, *only_this)
    assert lenient.code == 0
    assert "conformant, with 1 deviation that --strict counts" in lenient.output
    strict = run_here(home, base, *only_this, "--strict")
    assert (strict.code, strict.report["conclusion"]) == (1, "not conformant")
    assert re.search(r"deviation HTTP-02", strict.output)
