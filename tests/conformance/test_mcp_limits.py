"""What an agent cannot make the kit do: use credentials elsewhere, run programs, read files."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import click
import pytest

from conformance.cli.mcp import mcp_command
from conformance.errors import ConfigurationError, KitError
from conformance.mcp import run_process
from conformance.mcp.report_shelf import ReportShelf
from conformance.mcp.run_process import MAX_RUNS, RunProcesses
from conformance.mcp.targets import Target, Targets

CONFIGURED = "https://api.example.com/runs"
ALLOWED = "http://staging.example.com:8080"
TARGETS = Targets(CONFIGURED, "/home/me/conformance.toml", (ALLOWED,))


async def ignore(_done: float, _total: float, _message: str) -> None:
    """Take no note of progress."""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential in the environment of the server."""
    monkeypatch.setenv("RUNS_CONFORMANCE_TOKEN", "a-secret")


@pytest.mark.parametrize("url", [None, CONFIGURED, f"{CONFIGURED}/"])
def test_the_configured_url_gets_the_configured_credential(url: str | None) -> None:
    """With the configuration file."""
    target = TARGETS.choose(url, None, None)
    assert target.options == {"base_url": CONFIGURED, "config": "/home/me/conformance.toml"}
    assert target.environment["RUNS_CONFORMANCE_TOKEN"] == "a-secret"
    assert not target.isolated


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:3000/", "http://[::1]:1/base", ALLOWED]
)
def test_another_url_gets_what_the_agent_names(url: str) -> None:
    """And nothing of the user: no credential, no file."""
    target = TARGETS.choose(url, "demo", "acme")
    assert target.options == {"base_url": url.rstrip("/"), "token": "demo", "other_token": "acme"}
    assert "RUNS_CONFORMANCE_TOKEN" not in target.environment
    assert "PATH" in target.environment
    assert target.isolated


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example",
        "http://127.0.0.1@evil.example",
        "http://evil.example\\@127.0.0.1",
        "http://evil.example#@127.0.0.1",
        "http://evil.example/127.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://169.254.169.254",
        "http://0.0.0.0:8080",
        "http://api.example.com/runs",
        "https://api.example.com",
        f"{CONFIGURED}/../admin",
        f"{ALLOWED}1",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "http://127.0.0.1:8080/?x=1",
        "http://127.0.0.1\n.evil.example",
        "http://[::1",
        "http://[:::::]:80",
        "http://[::1]:99999",
        "http://127.0.0.1:0",
        "http://localhost..",
        "http://xn--\u00e9.example",
        "//127.0.0.1",
        "http://",
        "x" * 2_000,
    ],
)
def test_other_urls_are_not_tested(url: str) -> None:
    """Also those that two parsers might read in two ways."""
    with pytest.raises(ConfigurationError, match=r"^baseUrl: expected one of"):
        TARGETS.choose(url, "demo", None)


def test_a_url_needs_its_credential() -> None:
    """That of the user is not sent elsewhere; without any URL nothing is tested."""
    with pytest.raises(ConfigurationError, match=r"^token: expected a credential"):
        TARGETS.choose("http://127.0.0.1:8080", None, None)
    with pytest.raises(ConfigurationError, match=r"^baseUrl: expected a URL, got none"):
        Targets("", "", ()).choose(None, None, None)


def test_programs_of_the_configuration_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the line; modules next to the file are not imported either."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conformance.toml"
    file.write_text("token_command = 'touch stolen'\n[command]\nrun = 'touch stolen'\n")
    (tmp_path / "json.py").write_text("open('stolen', 'w')\n")
    target = Targets("http://127.0.0.1:9", str(file), ()).choose(None, None, None)
    with pytest.raises(KitError) as error:
        asyncio.run(RunProcesses().run(target, {}, 10, ignore))
    assert "conformance.toml:3" in str(error.value)
    assert "--no-commands" in str(error.value)
    assert not (tmp_path / "stolen").exists()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that runs have started."""
    processes: list[Process] = []
    start = asyncio.create_subprocess_exec

    async def remember(*words: Any, **options: Any) -> Process:
        process = await start(*words, **options)
        processes.append(process)
        return process

    monkeypatch.setattr(run_process.asyncio, "create_subprocess_exec", remember)
    return processes


def test_a_cancelled_run_leaves_no_process(mock_server_url: str, started: list[Process]) -> None:
    """And no more than a few run at a time."""
    target = Targets("", "", ()).choose(mock_server_url, "test-mcp-cancelled", None)

    async def cancel() -> None:
        runs, running = RunProcesses(), asyncio.Event()

        async def note(_done: float, _total: float, _message: str) -> None:
            running.set()

        task = asyncio.create_task(runs.run(target, {"include": ("LIFE-*",)}, 60, note))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert started[0].returncode is not None
        runs._running = MAX_RUNS
        with pytest.raises(KitError, match="runs at a time"):
            await runs.run(target, {}, 60, note)
        assert len(started) == 1

    asyncio.run(cancel())


def test_a_run_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[Process]
) -> None:
    """Whatever it does, and without a report."""
    stubborn = tmp_path / "python"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n")
    stubborn.chmod(0o755)
    monkeypatch.setattr(run_process.sys, "executable", str(stubborn))
    monkeypatch.setattr(run_process, "_LATER", 0.0)
    monkeypatch.setattr(run_process, "_GRACE", 0.1)
    target = Target({}, {"PATH": "/usr/bin:/bin"}, isolated=True)
    with pytest.raises(KitError, match="expected the run to end within 0 seconds"):
        asyncio.run(RunProcesses().run(target, {}, 0, ignore))
    assert started[0].returncode == -signal.SIGKILL


def test_a_run_without_a_report_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that crashes."""
    monkeypatch.setattr(run_process.sys, "executable", "/bin/false")
    target = Target({}, {}, isolated=True)
    with pytest.raises(KitError, match="expected a report, got none"):
        asyncio.run(RunProcesses().run(target, {}, 10, ignore))


def test_files_outside_of_the_directory_are_not_read(tmp_path: Path) -> None:
    """By no path, no link, and nothing that is not a file."""
    (tmp_path / "secret.json").write_text("{}")
    directory = tmp_path / "reports"
    directory.mkdir()
    (directory / "link.json").symlink_to(tmp_path / "secret.json")
    (directory / "folder.json").mkdir()
    shelf = ReportShelf(directory)
    for name in ("../secret.json", "link.json", "folder.json", ".json", "a/b.json", "secret", ""):
        with pytest.raises(ConfigurationError, match=r"^report: expected the name of a report"):
            shelf.get(name, "one")
    with pytest.raises(ConfigurationError, match=r"^report: expected the name of a report"):
        ReportShelf(None).get("secret.json", "one")


def test_few_reports_are_kept() -> None:
    """The newest; the numbers go on."""
    shelf = ReportShelf(None)
    names = [shelf.keep({"n": n}, "one") for n in range(25)]
    assert names[-1] == "run-25"
    assert shelf.get(None, "one") == ("run-25", {"n": 24})
    assert shelf.get("run-6", "one") == ("run-6", {"n": 5})
    with pytest.raises(ConfigurationError, match="run-25"):
        shelf.get("run-5", "one")


def test_a_session_reads_reports_of_its_own_runs() -> None:
    """No other's: neither by default nor by name, and no error lists them."""
    shelf = ReportShelf(None)
    first, second = shelf.keep({"n": 1}, "one"), shelf.keep({"n": 2}, "two")
    assert shelf.get(None, "one") == (first, {"n": 1})
    assert shelf.get(None, "two") == (second, {"n": 2})
    for session, name in (("one", second), ("three", None), (None, None), (None, first)):
        with pytest.raises(ConfigurationError, match=r"^report: expected the name of") as error:
            shelf.get(name, session)
        assert ("There are run-1." in error.value.message) == (session == "one")
        assert "There are run-2" not in error.value.message


def test_a_client_without_a_session_names_its_report() -> None:
    """The newest may be that of another client."""
    shelf = ReportShelf(None)
    name = shelf.keep({"n": 1}, None)
    assert shelf.get(name, None) == (name, {"n": 1})
    with pytest.raises(ConfigurationError) as error:
        shelf.get(None, None)
    assert "Pass the `report` that run_checks returned" in error.value.hint


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--base-url", "ftp://x"], "--base-url: expected an HTTP URL"),
        (["--allow-url", "x"], "--allow-url: expected an HTTP URL"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--reports", "missing"], "missing"),
        (["--http", "0.0.0.0:0"], "expected a loopback address, or a token"),
        (["--http", "8766"], "expected HOST:PORT"),
        (["--http-token", "two words"], "--http-token: expected printable ASCII"),
    ],
)
def test_wrong_options_are_named(words: list[str], expected: str) -> None:
    """Before anything is served."""
    with pytest.raises((KitError, click.ClickException), match=re.escape(expected)):
        mcp_command.main(words, standalone_mode=False)


def test_a_run_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what is missing."""
    monkeypatch.setattr(run_process.sys, "executable", "/missing/python")
    with pytest.raises(KitError, match="expected a process and a directory"):
        asyncio.run(RunProcesses().run(Target({}, {}, isolated=True), {}, 10, ignore))


def test_long_errors_of_a_run_arrive(tmp_path: Path) -> None:
    """Cut to a length that is bounded."""
    file = tmp_path / "conformance.toml"
    long = "\u4e16" * 60_000
    file.write_text(f"base_url = '{long}'\n", encoding="utf-8")
    target = Target({"config": str(file)}, dict(os.environ), isolated=False)
    with pytest.raises(KitError, match="base_url: expected") as error:
        asyncio.run(RunProcesses().run(target, {}, 10, ignore))
    assert len(str(error.value)) < 20_000
