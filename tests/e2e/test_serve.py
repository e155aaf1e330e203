"""The command ``runs-mock serve``: how it starts, how it stops, and what it says when it cannot."""

import re
import socket
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest
from driver import call
from event_subscriber import EventSubscriber
from ports import free_port
from processes import PATIENCE, RUNS_MOCK, MockServer, Server, environment

from mock_server.testing import MockWorld

KEY = "test-serve"
RUNS = "/api/v1/automation-runs"
SCENARIO = """\
summary: Two steps
automation: {name: Tidy up}
steps:
  - key: sweep
    takes: 1s
  - key: mop
    dependsOn: [sweep]
"""


def rejection(*arguments: object, **variables: str) -> str:
    """What ``runs-mock`` says when it cannot do that: one line on stderr, next to exit code 2."""
    done = call(*arguments, code=2, **variables)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    said = re.fullmatch("runs-mock: (.+)", line)
    assert said, line
    return said[1]


def a_world(mock: Server) -> MockWorld:
    """An empty world of that mock on a frozen clock."""
    return MockWorld(mock.url, KEY, scale=0, runs=0, live=0)


def follow(mock: Server, stack: ExitStack, count: int) -> list[EventSubscriber]:
    """So many subscribers of one run, each of which has seen the first event and waits for more."""
    with closing(a_world(mock)) as world:
        run_id = world.create("diamond")
    subscribers = [
        stack.enter_context(EventSubscriber(mock.url, run_id, KEY)) for _ in range(count)
    ]
    for subscriber in subscribers:
        subscriber.read_until(b"event: run.created")
    return subscribers


def wait_until_blocked(world: MockWorld) -> None:
    """Wait until the mock can send its only stream nothing more, because the client does not read.

    A stream that is not blocked sends something between two requests to the same event loop.
    """
    deadline = time.monotonic() + PATIENCE
    sent, unchanged = -1, 0
    while unchanged < 20:
        assert time.monotonic() < deadline, "the stream never blocked"
        (entry,) = world.control("requests", "GET", operation="streamRunEvents")["items"]
        assert entry["stream"] == "open", "everything was sent: the system buffers too much"
        unchanged = unchanged + 1 if entry["bytesSent"] == sent else 0
        sent = entry["bytesSent"]


# Starting.


def test_it_says_where_it_is_and_is_there() -> None:
    """With port 0 the printed address is the real one, and the printed command works."""
    with MockServer() as mock:
        assert f"Start page  {mock.url}/\n" in mock.greeting
        assert not mock.url.endswith(":0")
        (command,) = (line for line in mock.greeting.splitlines() if "curl" in line)
        done = subprocess.run(
            ["bash", "-c", command.replace("curl", "curl --silent --fail")],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert done.stdout.startswith('{"items":[{')
        assert mock.errors() == ""


def test_an_option_wins_over_the_environment() -> None:
    """``RUNS_MOCK_SEED`` is heard, and not where ``--seed`` is given; so are all the others."""
    variables = {"RUNS_MOCK_SEED": "7", "RUNS_MOCK_NOW": "2026-03-02T08:15:00Z"}
    with MockServer("--seed", "8", "--clock", "frozen", **variables) as mock:
        httpx2.get(f"{mock.url}/_mock/clock?world=demo")
        (world,) = httpx2.get(f"{mock.url}/_mock/worlds").json()["items"]
    assert world["seed"] == 8
    assert world["now"] == "2026-03-02T08:15:00.000Z"


# Stopping.


def test_ctrl_c_ends_every_stream_in_good_order_within_a_second() -> None:
    """Fifty subscribers who wait for news each get the end of their stream, the exit code is 0 and
    nothing is complained about. Other work may keep the machine busy: one of three mocks has to be
    gone a second after the key was pressed, all have to go in good order."""
    took = []
    for _ in range(3):
        with MockServer() as mock, ExitStack() as stack:
            subscribers = follow(mock, stack, 50)
            begun = time.monotonic()
            mock.interrupt()
            assert mock.wait() == 0
            took.append(time.monotonic() - begun)
            for subscriber in subscribers:
                subscriber.read_to_end()
                assert subscriber.ids == [1]
            assert mock.errors() == ""
        if took[-1] < 1:
            return
    pytest.fail(f"it took {took} seconds")


def test_ctrl_c_does_not_wait_for_a_subscriber_that_does_not_read() -> None:
    """Its connection is closed without an end of the body; the exit code is 0, without messages."""
    with MockServer() as mock, ExitStack() as stack:
        world = stack.enter_context(closing(a_world(mock)))
        run_id = world.create("five-hundred-steps")
        for _ in range(4):
            world.advance(3_600)
            again = world.client.post(f"{RUNS}/{run_id}/retry", json={"mode": "full"})
            assert again.status_code == 200
        subscriber = stack.enter_context(EventSubscriber(mock.url, run_id, KEY, buffer=4_096))
        world.advance(3_600)
        wait_until_blocked(world)
        mock.interrupt()
        assert mock.wait() == 0
        assert mock.errors() == ""
        with pytest.raises(ConnectionError):
            subscriber.read_to_end()


# Refusing.


def test_a_port_in_use() -> None:
    """The line says which, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rejection("serve", "--port", port)
    assert said.startswith(f"cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert "--port" in said


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--prot", "0", r"No such option '--prot'.*'--port'.*"),
        ("--clock", "fast", r"Invalid value for '--clock': 'fast' is none of: real, .*"),
        ("--now", "today", r"Invalid value for '--now': .*'today'.*2026-03-02T08:15:00Z.*"),
        ("--now", "2026-03-02T08:15:00", r"Invalid value for '--now': .* has no zone.*"),
        ("--start", "demmo", r"--start: expected one of .*demo.*, got 'demmo'"),
        ("--scenarios", "nowhere", r"nowhere: expected a directory .*"),
        ("--worlds", "a,b,a", r"Invalid value for '--worlds': 'a' is a duplicate; remove one"),
        ("--worlds", "test-x", r"Invalid value for '--worlds': 'test-x': .* open by themselves"),
        ("--host", "no.such.host.invalid", r"cannot listen on no\.such\.host\.invalid: .*--host.*"),
        ("--host", "192.0.2.1", r"cannot listen on 192\.0\.2\.1: .* not an address of this .*"),
    ],
)
def test_an_option_that_cannot_be_used(option: str, value: str, expected: str) -> None:
    """The line names the option, the value and what would do."""
    said = rejection("serve", "--port", "0", option, value)
    assert re.fullmatch(expected, said), said


def test_a_variable_that_cannot_be_used() -> None:
    """The line names the variable: who has set it long ago does not know of an option."""
    said = rejection("serve", RUNS_MOCK_PORT="abc")
    assert said.startswith("Invalid value for RUNS_MOCK_PORT: 'abc' is not ")


def test_an_unknown_scenario() -> None:
    """The line names it and the ones there are."""
    said = rejection("scenarios", "diamant")
    assert re.fullmatch(
        r"scenario: expected one of .*, got 'diamant'\. Did you mean 'diamond'\?", said
    )


@pytest.mark.parametrize(
    ("good", "bad", "line", "expected"),
    [
        ("takes: 1s", "takes: 1 parsec", 5, r"steps\[0\]\.takes: '1 parsec' is not a duration: .*"),
        ("steps:", "stpes:", 3, r"stpes: is not a key here; did you mean 'steps'\?.*"),
        ("[sweep]", "[swep]", 7, r"steps\[1\]\.dependsOn\[0\]: 'swep' is not .* 'sweep'\?"),
        ("    takes: 1s", "    dependsOn: [mop]", 3, r"steps: depend on each other .*"),
        ("[sweep]", "[sweep", 8, r"is not YAML: .*"),
    ],
    ids=["value", "key", "reference", "circle", "syntax"],
)
def test_a_broken_scenario_file(
    tmp_path: Path, good: str, bad: str, line: int, expected: str
) -> None:
    """The line names the file, its line, the key, the value and what was expected."""
    file = tmp_path / "tidy-up.yaml"
    file.write_text(SCENARIO.replace(good, bad), encoding="utf-8")
    said = rejection("serve", "--port", "0", "--start", "empty", "--scenarios", tmp_path)
    assert said.startswith(f"{file}:{line}: ")
    assert re.fullmatch(expected, said.removeprefix(f"{file}:{line}: ")), said


def test_a_scenario_file_that_is_not_a_text(tmp_path: Path) -> None:
    """The line names the file and says so."""
    file = tmp_path / "tidy-up.yaml"
    file.write_bytes(b"summary: \xff\n")
    said = rejection("serve", "--port", "0", "--start", "empty", "--scenarios", tmp_path)
    assert said.startswith(f"{file}: cannot be read as UTF-8 text")


def test_a_terminal_of_another_encoding() -> None:
    """What it cannot show is a question mark, not a traceback."""
    done = subprocess.run(
        [RUNS_MOCK, "scenarios", "diamond"],
        env=environment({"PYTHONIOENCODING": "cp1252"}),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    assert b"fetch             ????" in done.stdout
    assert done.stderr == b""


def test_a_seed_beyond_what_json_holds() -> None:
    """The control API could not show it; so it is refused at the start."""
    assert "9007199254740991" in rejection("serve", "--seed", 2**64)


# How much it may hold.


def test_as_many_connections_as_the_system_allows() -> None:
    """A limit of a few files is raised by itself as far as it may be."""
    with limited(200, 4_000) as mock, ExitStack() as stack:
        assert len(follow(mock, stack, 400)) == 400


def test_more_streams_than_the_system_allows() -> None:
    """The log says so; the others are rejected in good order, and the mock lives."""
    with limited(264, 264, "--most-streams", "1000") as mock, ExitStack() as stack:
        follow(mock, stack, 72)
        assert "72 event streams may be open, not 1000" in mock.errors()
        run_id = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
        with closing(a_world(mock)) as world:
            assert world.client.get(f"/api/v1/automation-runs/{run_id}").status_code == 404


def limited(soft: int, hard: int, *options: str) -> Server:
    """A mock that the system allows so many files at first, and so many when it asks."""
    script = f'ulimit -S -n {soft} && ulimit -H -n {hard} && exec "$@"'
    command = ["sh", "-c", script, "sh", RUNS_MOCK, "serve", "--port", "0", *options]
    return Server(command, "^Ctrl-C")


def test_of_two_mocks_that_start_on_one_port_one_serves() -> None:
    """The other exits with 2 and one line, even if both start at the same moment."""
    port = free_port()
    command = [RUNS_MOCK, "serve", "--port", str(port), "--start", "empty"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=environment(), **pipes) for _ in range(2)]
    try:
        deadline = time.monotonic() + PATIENCE
        while not (ended := [one for one in both if one.poll() is not None]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (loser,) = ended
        (winner,) = set(both) - {loser}
        assert winner.stdout.readline().startswith("Automation runs mock")
        printed, error = loser.communicate(timeout=PATIENCE)
        assert (loser.returncode, printed) == (2, "")
        assert re.fullmatch(r"runs-mock: cannot listen on 127\.0\.0\.1 port .*\n", error)
    finally:
        for one in both:
            one.kill()
            one.communicate()
