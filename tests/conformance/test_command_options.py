"""Wrong options of the command: each is named with what would be right, before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "x"], "No base URL is given"),
        (
            ["--base-url", "localhost:8080", "--token", "x"],
            "--base-url: expected an HTTP URL, got 'localhost:8080'.",
        ),
        (
            ["--base-url", "http://h/api/v1/automation-runs", "--token", "x"],
            "--base-url: expected what comes before /api/v1/automation-runs, got",
        ),
        (["--base-url", "http://h"], "No credential is given"),
        (
            ["--base-url", "http://h", "--token", "a b\n"],
            "--token: expected printable ASCII without spaces, got a space (char",
        ),
        (["--base-url", "http://h", "--token", "ab\n"], "got a line break (character 3 of 3)"),
        (
            ["--base-url", "http://h", "--token", "пароль"],
            "got a character beyond ASCII (character 1 of 6)",
        ),
        (
            ["--base-url", "http://h", "--api-key", "é"],
            "--api-key: expected printable ASCII without spaces, got a",
        ),
        (["--base-url", "http://h", "--token", "x", "--budget", "soon"], "expected a duration"),
        (
            ["--base-url", "http://h", "--token", "x", "--fuzz", "many"],
            "--fuzz: expected an integer from 1 to 100000, got 'many'.",
        ),
        (["--base-url", "http://h", "--token", "x", "--fuzz", "0"], "got '0'."),
        (
            ["--base-url", "http://h", "--token", "x", "--include", "LITS-*"],
            "--include: expected a pattern that",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--state", "done=1"],
            "got the unknown state 'done' in 'done=1'",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--provision", "static"],
            "static needs --state",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--provision", "magic"],
            "expected one of auto,",
        ),
        (["--base-url", "http://h", "--token", "x", "--provision", "http"], "http needs --trigger"),
        (["--base-url", "http://h", "--token", "x", "--trigger", "/make"], "expected METHOD /path"),
        (["--base-url", "http://h", "--token", "x", "--trigger", "POST /make"], "expected {state}"),
        (
            ["--base-url", "http://h", "--token", "x", "--trigger", "PSOT http://h/{state}"],
            "--trigger: expected an HTTP method, got 'PSOT' in 'PSOT http://h/{state}'.\nDid",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--trigger", "PSOT /make/{state}"],
            "Did you mean 'POST'?",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--clock", "PSOT /tick/{seconds}"],
            "--clock: expected an HTTP method, got 'PSOT' in 'PSOT /tick/{seconds}'.\nDid",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--clock", "POST http://h/{seconds}"],
            "--clock: expected METHOD /path, got 'POST http://h/{seconds}'.\nWrite it as",
        ),
        (
            ["--base-url", "http://h", "--token", "x", "--include", "LIST-*", "--exclude", "*"],
            "--include LIST-* with --exclude *: expected at least one requirement, got none.",
        ),
        (["--base-url", "http://h", "--token", "x", "--exclude", "*"], "--exclude *: expected at"),
    ],
)
def test_a_wrong_option_is_named(words: list[str], said: str) -> None:
    """In a line or two on what is wrong and what would be right, with exit code 2."""
    done = run(*words)
    assert (done.returncode, done.stderr) == (2, "")
    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_all_wrong_options_are_named_at_once(tmp_path: Path) -> None:
    """Whatever is missing besides, and whichever way it was reported, each once with its remedy."""
    words = ["--include", "LITS-*", "--include", "X", "--budget", "soon", "--workers", "0"]
    words += ["--state", "done=1", "--state", "fials=2", "--trigger", "POST", "--fuzz", "many"]
    words += ["--header", "none", "--cacert", "no.pem", "--client-cert", "no.pem", "--proxy", "x"]
    words += ["--json", str(tmp_path), "--html", str(tmp_path), "--other-token", "a b"]
    done = run(*words, RUNS_CONFORMANCE_STRICT="perhaps", RUNS_CONFORMANCE_TIMEOUT="never")
    assert (done.returncode, done.stderr) == (2, "")
    for said in (
        "No base URL is given.",
        "No credential is given.",
        "RUNS_CONFORMANCE_STRICT: expected a boolean (1 or 0), got 'perhaps'.",
        "RUNS_CONFORMANCE_TIMEOUT: expected a duration of at most a day, got 'never'.",
        "--include: expected a pattern that matches a requirement, got 'LITS-*'.",
        "--include: expected a pattern that matches a requirement, got 'X'.",
        "--budget: expected a duration of at most a day, got 'soon'.",
        "--workers: expected an integer from 1 to 32, got '0'.",
        "--state: expected STATE=RUN_ID, got the unknown state 'done' in 'done=1'.",
        "the unknown state 'fials' in 'fials=2'.\nDid you mean 'fails'?",
        "--trigger: expected METHOD /path, got 'POST'.",
        "--state and --trigger contradict each other.",
        "--fuzz: expected an integer from 1 to 100000, got 'many'.",
        "--header: expected a header as 'Name: value', got the name 'none'.",
        "--cacert no.pem: No such file or directory.",
        "--client-cert no.pem: No such file or directory.",
        "--proxy: expected the URL of a proxy, got another text.",
        f"--json: {tmp_path}: expected a file that can be written, got a directory.",
        f"--html: {tmp_path}: expected a file that can be written, got a directory.",
        "--other-token: expected printable ASCII without spaces, got a space",
    ):
        assert done.stdout.count(said) == 1, f"{said}\n\n{done.stdout}"


def test_the_options_are_shown_in_groups() -> None:
    """Each under the heading of its topic, in one order."""
    done = run("--help", COLUMNS="100")
    headings = re.findall(r"^(\S[^:\n]*):$", done.stdout, re.MULTILINE)
    assert headings == [
        "Target",
        "Credentials",
        "Provisioning",
        "Selection",
        "Time",
        "Fuzzing",
        "TLS and proxy",
        "Shards",
        "Reports",
        "Output",
    ]
    fuzzing = done.stdout.partition("Fuzzing:")[2].partition("TLS and proxy:")[0]
    assert re.findall(r"^  (--\S+)", fuzzing, re.MULTILINE) == ["--fuzz", "--fuzz-seed"]


def test_a_quiet_run_reports_a_missing_file_as_an_error() -> None:
    """On stderr, like every other failure."""
    done = run("--quiet", "--config", "none.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("none.toml: No such file or directory.\n")
