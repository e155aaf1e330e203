"""Which mock and which world a command uses, and what its help says."""

import http.server
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import click
import pytest
from driver import TOKEN, UUID, Driver, call
from processes import PATIENCE, environment

from mock_server.cli import cli, remote
from mock_server.cli.serve import GROUPS, serve
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving


def test_help_says_how_a_run_fails_at_step_two_slowly() -> None:
    """On the first page, as a command that works; every subcommand named there has a page."""
    page = call("--help").stdout
    assert "runs-mock new diamond --fail 2 --takes 2=30s" in page
    for name in cli.list_commands(None):
        assert re.search(rf"^  {name} +\S", page, re.MULTILINE)
        assert cli.get_command(None, name).name == name


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["new", "diamond", "--fail", "2"], UUID),
        (["requests"], "no requests"),
        (["coverage"], r"test-\S+: 0 of \d+ parts of the contract met"),
    ],
)
def test_a_command_that_drives_loads_no_server(
    mock_world: MockWorld, mock_server_url: str, arguments: list[str], first: str
) -> None:
    """Nor the libraries that make words and check files: it has to answer at once."""
    code = """\
import sys
from mock_server.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(*sorted({"connexion", "faker", "flask", "pydantic", "rich", "starlette"} & set(sys.modules)))
"""
    variables = {"RUNS_MOCK_URL": mock_server_url, "RUNS_MOCK_WORLD": mock_world.key}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    printed = done.stdout.splitlines()
    assert re.fullmatch(first, printed[0])
    assert printed[-1] == ""


def test_long_work_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the response takes longer than a moment, a line says what the mock is doing."""
    notes: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(remote, "_NOTE_AFTER", 0.0)
    monkeypatch.setattr(click, "echo", lambda line, err: notes.put(line))
    with remote.progress_note("/reset"):
        assert "the fresh world is being made" in notes.get(timeout=PATIENCE)


def test_no_mock_is_there() -> None:
    """One line with the remedy."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as closed:
        port = closed.server_address[1]
    done = call("clock", "--url", f"http://127.0.0.1:{port}", code=2)
    assert re.fullmatch(r"runs-mock: no mock answers at \S+: start one with .*\n", done.stderr)


@pytest.fixture
def something_else() -> Iterator[str]:
    """The address of another web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_something_else_is_there(something_else: str) -> None:
    """It is not taken for a mock."""
    done = call("clock", code=2, RUNS_MOCK_URL=something_else)
    assert "expected a runs-mock of this version" in done.stderr


def test_an_address_that_is_none() -> None:
    """The line says how one is written."""
    assert "http://127.0.0.1:8080" in call("clock", "--url", "localhost:8080", code=2).stderr
    assert "expected the address of a mock" in call("clock", "--url", "http://[::1", code=2).stderr


def test_what_is_of_no_world_is_listed_whatever_the_world(drive: Driver) -> None:
    """Scenarios and presets are the mock's."""
    assert "flaky" in drive("faults", "preset", "--world", drive.world.key)


def test_an_option_wins_over_the_environment(drive: Driver) -> None:
    """Options of a group apply to its subcommands."""
    other = f"{drive.world.key}-b"
    assert drive("clock", "--world", other).startswith(f"{other}  ")
    assert drive("clock", "--world", other, "show").startswith(f"{other}  ")
    assert "no world 'nowhere'" in drive.refused("clock", "--world", "nowhere")


def test_the_token_is_asked_for_and_sent() -> None:
    """By option or environment."""
    with serving(Settings(start="empty", access=Access(token=TOKEN))) as url:
        assert "asks for its token" in call("clock", "--url", url, code=2).stderr
        wrong = call("clock", "--url", url, "--token", "wrong", code=2).stderr
        assert "does not take this token" in wrong
        assert call("clock", "--url", url, "--token", TOKEN).stdout.startswith("demo  ")
        variables = {"RUNS_MOCK_URL": url, "RUNS_MOCK_CONTROL_TOKEN": TOKEN}
        assert call("clock", **variables).stdout.startswith("demo  ")


@pytest.mark.parametrize(
    ("option", "value", "part"),
    [
        ("--control-token", "", "one word"),
        ("--control-token", "two words", "one word"),
        ("--allow-host", "http://mock", "not a host name"),
        ("--most-worlds", "0", "most-worlds"),
    ],
)
def test_who_may_drive_is_said_well_or_not_at_all(option: str, value: str, part: str) -> None:
    """A token that protects nothing, or a name that never matches, starts no mock."""
    done = call("serve", "--port", 0, option, value, code=2)
    assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_option_of_serve_is_in_a_group() -> None:
    """``Other`` has only --help."""
    page = call("serve", "--help").stdout
    other = page.partition("\nOther:\n")[2]
    assert [line.split()[0] for line in other.splitlines() if line.startswith("  -")] == ["-h,"]
    names = {option for options in GROUPS.values() for option in options.split()}
    assert names == {option.name for option in serve.params}
