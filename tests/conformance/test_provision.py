"""Runs are got as the set-up says, its faults are never blamed on the service, and
nothing is touched that the kit did not make."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from command_line import call_kit
from support import Judge

from conformance.errors import KitError
from conformance.vocabulary import ExitCode, State, Verdict

TOP = Path(__file__).parents[2]
HOOKS = TOP / "examples" / "hooks"
SCENARIOS = {
    "succeeds": "quick-success",
    "fails": "failure-in-the-middle",
    "fails_once": "flaky",
    "pending": "long-queue",
    "running_long": "hang",
    "diamond": "diamond",
}


@pytest.fixture(scope="module")
def flask() -> Iterator[str]:
    """The Flask backend, twenty times as fast as real."""
    serve = [sys.executable, "-m", "examples.flask_backend", "--port", "0", "--speed", "20"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, cwd=TOP) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def kit(*words: str) -> subprocess.CompletedProcess[str]:
    """`runs-conformance` at the top of the checkout."""
    return call_kit(*words, folder=TOP)


def script(directory: Path, text: str) -> str:
    """An executable in Python that does this, as a command."""
    file = directory / "hook.py"
    file.write_text(text, encoding="utf-8")
    return shlex.join([sys.executable, str(file)])


@pytest.mark.extended
class TestWorkedHooks:
    """The two examples, as they stand."""

    @pytest.mark.parametrize("name", ["command.toml", "request.toml"])
    def test_every_run_is_had(self, name: str, flask: str) -> None:
        """And the checks that need them are decided, for both tenants."""
        words = ["--config", str(HOOKS / name), "--base-url", flask]
        keys = ["--token", "acme-key", "--other-token", "globex-key"]
        tried = kit("setup", *words, *keys)
        assert tried.returncode == 0, tried.stdout
        assert tried.stdout.count("yes") == len(SCENARIOS) + 1
        include = ["CANCEL-0[1-3]", "AUTH-10", "RETRY-02", "STEPS-05"]
        done = kit("run", *words, *keys, *(f"--include={each}" for each in include))
        assert done.returncode == 0, done.stdout
        assert "6 of 6 requirements tested" in done.stdout

    def test_what_the_hook_does_not_make_is_unsupported(self) -> None:
        """With its own reason, without asking anybody."""
        done = subprocess.run(
            [HOOKS / "runs.sh", "sideways"], capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == {"unsupported": "no automation is named sideways"}


# Waited for once in the set-up and once in the check: other states are declined at once.
LATE = """
import sys, time
time.sleep(60 if sys.argv[-1] == "pending" else 0)
print('{"unsupported": "no such run"}')
"""


class TestFaultsOfTheSetup:
    """Whatever a command does wrong."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("import sys; sys.exit('no queue')", "ended with exit code 1: no queue"),
            ("print('made one')", "printed neither"),
            ("print('[]')", "printed neither"),
            ("print('{\"id\": 7}')", "printed neither"),
            ("pass", "nothing"),
            ("import os; os.kill(os.getpid(), 15)", "was ended by signal 15"),
            (LATE, "did not end in 1 s"),
            ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "printed neither"),
        ],
    )
    def test_a_fault_of_the_command(
        self, text: str, said: str, mock: str, tmp_path: Path, judge: Judge
    ) -> None:
        """Is an error with what it was called as and what it said, and no verdict on the
        service."""
        # A command that does end must do so in time on a busy machine as well.
        limit = "1s" if text == LATE else "30s"
        report = judge(
            mock, "CANCEL-02", token="demo", command=script(tmp_path, text), timeout=limit
        )
        (entry,) = report.entries
        assert entry.verdict is Verdict.ERROR
        assert "set-up: " in entry.worst.message
        assert "hook.py pending" in entry.worst.message
        assert said in entry.worst.message
        assert report.exit_code is ExitCode.NO_VERDICT
        assert said in report.states[State.PENDING]

    @pytest.mark.parametrize(
        ("command", "said"),
        [("/no/such/hook", "No such file or directory"), (str(HOOKS), "Permission denied")],
    )
    def test_what_cannot_be_started(self, command: str, said: str, mock: str) -> None:
        """Is reported by the set-up alone, with exit code 2."""
        done = kit("setup", "--base-url", mock, "--token", "demo", "--command", command)
        assert done.returncode == 2
        reported = " ".join(done.stdout.split())
        assert f"{command} pending cannot be started" in reported.replace(" ", " ")
        assert said in reported
        assert "Traceback" not in done.stdout + done.stderr

    def test_what_it_leaves_behind_holds_nothing_up(
        self, mock: str, tmp_path: Path, judge: Judge
    ) -> None:
        """A process that outlives the command and keeps its output open is not waited for."""
        note = tmp_path / "pid"
        text = (
            "import pathlib, subprocess, sys\n"
            "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
            f"pathlib.Path({str(note)!r}).open('a').write(f'{{left.pid}} ')\n"
            'print(\'{"unsupported": "later"}\')\n'
        )
        try:
            with pytest.raises(KitError, match="later"):
                judge(mock, "CANCEL-02", token="demo", command=script(tmp_path, text))
        finally:
            # This fails where one of them has ended, and so may have been waited for.
            for pid in note.read_text().split():
                os.kill(int(pid), signal.SIGKILL)

    def test_the_credential_is_handed_over_and_not_shown(
        self, mock: str, tmp_path: Path, judge: Judge
    ) -> None:
        """In the environment; where the command repeats it, the report does not."""
        text = "import os, sys; sys.exit(os.environ['RUNS_AUTH_HEADER'])"
        secret = "test-a-secret-of-some-length"
        report = judge(mock, "CANCEL-02", api_key=secret, command=script(tmp_path, text))
        said = json.dumps(report.to_json())
        assert "X-API-Key: [redacted]" in said
        assert secret not in said

    @pytest.mark.parametrize("command", ["run", "setup"])
    def test_what_a_command_declines_with_shows_no_credential(
        self, command: str, mock: str, tmp_path: Path
    ) -> None:
        """Neither where it makes no run at all, nor where it makes some."""
        text = "import json, os, sys; secret = os.environ['RUNS_SECRET']\n"
        text += "print(json.dumps({sys.argv[1]: 'x'} if sys.argv[1:] == ['id', 'pending']"
        text += " else {'unsupported': f'not for {secret}'}))"
        secret = "test-a-secret-of-some-length"
        words = (command, "--base-url", mock, "--token", secret)
        for hook in (script(tmp_path, text), script(tmp_path, text) + " id"):
            only = ("--include", "LIST-05") if command == "run" else ()
            done = kit(*words, "--command", hook, *only)
            assert "not for [redacted]" in done.stdout
            assert secret not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (
                ["--command", "a", "--trigger", "POST /x/{state}"],
                "--trigger and --command contradict each other",
            ),
            (["--state", "completd=x"], "Did you mean 'completed'?"),
            (["--provision", "command"], "--provision: command needs --command"),
            (["--command", "'a"], '--command: expected a command, got "\'a": No closing quotation'),
            (["--clock", "POST /tick"], "--clock: expected {seconds}, got 'POST /tick'."),
            (["--clock-body", "{}"], "--clock-body: expected a request for this body, got none."),
        ],
    )
    def test_a_wrong_option_is_named(self, words: list[str], said: str) -> None:
        """With what would be right."""
        done = kit("run", "--base-url", "http://h", "--token", "x", *words)
        assert done.returncode == 2
        assert said in done.stdout

    def test_a_contradiction_with_the_file_names_its_line(self, tmp_path: Path) -> None:
        """What stands in the file was not typed, and would be looked for in vain."""
        file = tmp_path / "conformance.toml"
        file.write_text('base_url = "http://h"\n[trigger]\nrequest = "POST /x/{state}"\n')
        done = kit("run", "--config", str(file), "--token", "x", "--state", "completed=y")
        assert done.returncode == 2
        said = f"--state and {file}:3: trigger.request contradict each other."
        assert said in done.stdout.replace("\n", "")

    @pytest.mark.parametrize("command", ["run", "setup"])
    def test_a_trigger_that_makes_no_run_at_all_is_wrong(self, mock: str, command: str) -> None:
        """A path that is not there, and no service without runs: nothing would be checked."""
        trigger = ("--trigger", "POST /no-such-path/{state}")
        done = kit(command, "--base-url", mock, "--api-key", "test-no-such-path", *trigger)
        assert done.returncode == 2
        assert "No run is provided in any state" in done.stdout


def test_without_runs_nothing_is_waited_for(flask: str, judge: Judge) -> None:
    """Sequences of calls need a run that may be changed; without one that is reported, and
    no time is let go by for runs that are not there."""
    report = judge(flask, "MODEL-01", token="acme-key", patience="10m")
    (entry,) = report.entries
    assert entry.verdict in (Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED)
    assert report.seconds < 600


def make_a_run(directory: Path) -> str:
    """A command that makes runs at the mock as at any other service."""
    text = f"""
import json, os, sys, urllib.request
name, _, value = os.environ["RUNS_AUTH_HEADER"].partition(": ")
asked = urllib.request.Request(
    os.environ["RUNS_BASE_URL"] + "/_mock/runs",
    json.dumps({{"scenario": {SCENARIOS!r}[sys.argv[-1]]}}).encode(),
    {{name: value, "Content-Type": "application/json"}},
)
print(json.dumps({{"id": json.load(urllib.request.urlopen(asked))["id"]}}))
"""
    return script(directory, text)


class TestClock:
    """A backend whose time can be moved need not be waited for."""

    TICK = "POST /_mock/clock/advance"
    INCLUDE = ("LIFE-0[23]", "CANCEL-0[34]", "RETRY-02")

    def test_by_a_request(self, mock: str, tmp_path: Path, judge: Judge) -> None:
        """Runs of many seconds are over in no time, and none moves by itself."""
        with httpx2.Client(headers={"X-API-Key": "test-request-clock"}, verify=False) as client:
            client.post(f"{mock}/_mock/reset", json={"scale": 0}).raise_for_status()
        report = judge(
            mock,
            *self.INCLUDE,
            token="test-request-clock",
            command=make_a_run(tmp_path),
            clock=self.TICK,
            clock_body='{"seconds": "{seconds}"}',
        )
        assert {entry.verdict for entry in report.entries} == {Verdict.PASS}
        assert len(report.entries) == 5

    def test_by_a_command(self, mock: str, tmp_path: Path, judge: Judge) -> None:
        """Reported the seconds where it says so, and in its environment."""
        tick = tmp_path / "clock.py"
        tick.write_text(
            """
import os, sys, urllib.request
assert sys.argv[1] == os.environ["RUNS_SECONDS"]
name, _, value = os.environ["RUNS_AUTH_HEADER"].partition(": ")
urllib.request.urlopen(urllib.request.Request(
    os.environ["RUNS_BASE_URL"] + "/_mock/clock/advance",
    b'{"seconds": %s}' % sys.argv[1].encode(),
    {name: value, "Content-Type": "application/json"},
))
""",
            encoding="utf-8",
        )
        clock = shlex.join([sys.executable, str(tick), "{seconds}"])
        options: dict[str, Any] = {"command": make_a_run(tmp_path), "clock": clock}
        report = judge(mock, "CANCEL-0[34]", token="test-command-clock", **options)
        assert {entry.verdict for entry in report.entries} == {Verdict.PASS}

    @pytest.mark.parametrize("clock", ["POST /no/such/clock/{seconds}", "false {seconds}"])
    def test_a_clock_that_fails(self, clock: str, mock: str, judge: Judge) -> None:
        """Is the set-up's fault."""
        report = judge(mock, "CANCEL-04", token="test-no-clock", clock=clock)
        (entry,) = report.entries
        assert entry.verdict is Verdict.ERROR
        assert entry.worst.message.startswith("set-up: ")


def test_only_what_was_made_is_cleaned_up(mock: str, judge: Judge) -> None:
    """Runs of others are as they were; what the kit made and left at work is cancelled, also the
    runs that its retries made."""
    world = "test-others-at-work"
    with httpx2.Client(base_url=mock, headers={"X-API-Key": world}, verify=False) as client:
        start = {"start": "empty", "scale": 0, "behaviour": {"Q01": "new_run", "Q04": "always"}}
        client.post("/_mock/reset", json=start).raise_for_status()
        for scenario in ("long-queue", "hang", "quick-success", "failure-in-the-middle"):
            client.post("/_mock/runs", json={"scenario": scenario}).raise_for_status()
        client.post("/_mock/clock/advance", json={"seconds": 120}).raise_for_status()

        def listed() -> dict[str, Any]:
            page = client.get("/api/v1/automation-runs", params={"limit": 1000}).json()
            return {run["id"]: run for run in page["items"]}

        before = listed()
        assert {run["status"] for run in before.values()} >= {"pending", "running", "completed"}
        report = judge(mock, "CANCEL-*", "RETRY-1*", "LIFE-06", "GET-01", token=world)
        assert report.exit_code is ExitCode.CONFORMANT
        after = listed()
    ended = [run_id for run_id, run in before.items() if run["completedAt"]]
    assert [after[run_id] for run_id in ended] == [before[run_id] for run_id in ended]
    # The kit moves the clock, so those at work may go on; no check cancels them.
    assert "cancelled" not in {after[run_id]["status"] for run_id in before}
    made = [run for run_id, run in after.items() if run_id not in before]
    assert len(made) > 20
    assert {run["status"] for run in made} <= {"completed", "failed", "cancelled"}
