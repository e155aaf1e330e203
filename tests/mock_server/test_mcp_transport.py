"""How agents reach the tools of the mock: sessions, streamable HTTP and its guards, and stdio."""

import asyncio
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from agent import PATIENCE, Agent, ToolFailedError, environment, serving
from ports import free_port

from mock_server.mcp.server import build
from mock_server.mcp.transport import PATH, HttpServer
from mock_server.server import address, bind

TOKEN = "opens-the-tools"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@contextmanager
def served(url: str, token: str | None, world: str | None = None) -> Iterator[str]:
    """Serve the tools of a mock over HTTP, and return their URL."""
    ready = threading.Event()
    server = HttpServer(build(url, world, None), token, ready.set)
    with bind("127.0.0.1", 0) as listener:
        serve = server.serve(sockets=[listener])
        thread = threading.Thread(target=lambda: asyncio.run(serve))
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield address(listener) + PATH
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@pytest.fixture(scope="module")
def url(mock_server_url: str) -> Iterator[str]:
    """The tools of the test's mock, without a token."""
    with served(mock_server_url, None) as url:
        yield url


@pytest.fixture(scope="module")
def guarded(mock_server_url: str) -> Iterator[str]:
    """The same with a token."""
    with served(mock_server_url, TOKEN, "acme") as url:
        yield url


def test_two_sessions_have_worlds_of_their_own(url: str) -> None:
    """What happens in one is not seen in the other, unless it is named."""
    with Agent.over_http(url) as one, Agent.over_http(url) as two:
        assert "Call create_world first." in one.failure("list_runs")
        first, second = one.call("create_world")["world"], two.call("create_world")["world"]
        assert first != second
        one.call("create_run", scenario="diamond")
        one.call("set_faults", preset="slow")
        one.call("move_time", by="1h")
        assert one.call("list_runs")["total"] == 1
        assert two.call("list_runs")["total"] == 0
        assert two.call("set_faults")["total"] == 0
        assert two.call("list_runs", world=first)["total"] == 1


def test_a_connection_without_sessions_names_its_world(url: str) -> None:
    """The newest protocol has none over HTTP: each request stands alone."""
    with Agent.over_http(url, mode="auto") as agent:
        world = agent.call("create_world")["world"]
        assert "pass its `world` to each tool" in agent.failure("list_runs")
        run = agent.call("create_run", scenario="diamond", world=world)["id"]
        assert agent.call("get_run", run=run, world=world)["status"] == "pending"


def test_the_token_is_required(guarded: str) -> None:
    """As a bearer; a client that sends it may use any host name, and begins in the given world."""
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        response = httpx2.post(guarded, json=INITIALIZE, headers=JSON | headers, timeout=PATIENCE)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in response.text
    with Agent.over_http(guarded, Authorization=f"Bearer {TOKEN}", Host="mock.test") as agent:
        assert agent.call("move_time")["world"] == "acme"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Origin": "http://localhost:5173"}, 200),
        ({"Host": "localhost:1"}, 200),
    ],
)
def test_pages_from_elsewhere_are_kept_out(url: str, headers: dict[str, str], status: int) -> None:
    """Without a token: a rebound name, a page of another origin, a form."""
    response = httpx2.post(url, json=INITIALIZE, headers=JSON | headers, timeout=PATIENCE)
    assert response.status_code == status


def test_hostile_bodies_end_nothing(url: str) -> None:
    """Too large, no JSON, deeply nested: an error each, and the next client is served."""
    for content in (b"x" * 3_000_000, b"{", b"[" * 100_000, b"\xff\x00", b"[]", b"null"):
        response = httpx2.post(url, content=content, headers=JSON, timeout=PATIENCE)
        assert 400 <= response.status_code < 500
    with Agent.over_http(url) as agent:
        assert len(agent.tools) == 11


def test_a_mock_out_of_reach_is_named(unused_port: int) -> None:
    """The error of the tool says where it was expected and how to start one."""
    with served(f"http://127.0.0.1:{unused_port}", None) as url, Agent.over_http(url) as agent:
        failure = agent.failure("create_world")
        assert f"127.0.0.1:{unused_port}" in failure
        assert "runs-mock serve" in failure


@pytest.fixture
def unused_port() -> int:
    """A port at which nothing listens."""
    return free_port()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--url", "ftp://x"], "expected the address of a mock"),
        (["--url", "http://127.0.0.1:1", "--port", "3"], "--port: expected no --url"),
        (["--world", "../demo"], "--world: expected the name of a world"),
        (["--http", "0.0.0.0:0"], "expected a loopback address, or a token"),
        (["--http", "8765"], "expected HOST:PORT"),
        (["--token", "two words"], "one word"),
        (["--bogus"], "--bogus"),
    ],
)
def test_wrong_options_are_named(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On one line, with exit code 2, before anything is started."""
    # Imported here, since the command would else be loaded for every test of this module.
    from mock_server.cli import main  # noqa: PLC0415

    with pytest.raises(SystemExit) as ended:
        main(["mcp", *words])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert expected in captured.err
    assert captured.out == ""


@pytest.mark.extended
def test_the_command_serves_http_with_a_mock_of_its_own(runs_mock: str) -> None:
    """It prints where; the token opens both the tools and the control API of its mock."""
    assert runs_mock
    with serving("runs-mock", "mcp", "--http", "127.0.0.1:0", RUNS_MOCK_CONTROL_TOKEN=TOKEN) as url:
        rejected = httpx2.post(url, json=INITIALIZE, headers=JSON, timeout=PATIENCE)
        assert rejected.status_code == 401
        with Agent.over_http(url, Authorization=f"Bearer {TOKEN}") as agent:
            base = agent.call("create_world")["baseUrl"]
            rejected = httpx2.get(f"{base}/_mock/worlds", timeout=PATIENCE)
            assert rejected.status_code == 401
            with pytest.raises(ToolFailedError):
                agent.call("get_run", run="x")


@pytest.mark.extended
def test_stdio_survives_garbage_and_ends_with_its_client(
    runs_mock: str, mock_server_url: str
) -> None:
    """Lines that are not messages are passed over; nothing but messages is on stdout."""
    lines = [b"no json", b"\xff\xfe", b"[1,2]", b"{}", json.dumps(INITIALIZE).encode()]
    done = subprocess.run(
        [runs_mock, "mcp", "--url", mock_server_url],
        input=b"\n".join(lines) + b"\n",
        env=environment(),
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["id"] for each in messages if "result" in each] == [1]


@pytest.mark.extended
@pytest.mark.skipif("not __import__('os').path.exists('/dev/full')", reason="needs /dev/full")
def test_a_stdout_that_takes_nothing_is_named(runs_mock: str, mock_server_url: str) -> None:
    """With exit code 2 and without a traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [runs_mock, "mcp", "--url", mock_server_url],
            input=json.dumps(INITIALIZE).encode() + b"\n",
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1


@pytest.mark.extended
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_stdio(runs_mock: str, mock_server_url: str, number: signal.Signals) -> None:
    """Also while the client is silent."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("processes that these tests start ignore the signal")
    with subprocess.Popen(
        [runs_mock, "mcp", "--url", mock_server_url],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(PATIENCE) == -number
