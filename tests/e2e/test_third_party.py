"""Clients and proxies of others against the mock: each event once, as it happens, and resumed.

The Node tools are in ``tests/tools``, the Python ones in its ``requirements.txt``; both are locked.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import httpx2
import node
import pytest
from ports import free_port
from processes import PATIENCE

from mock_server.testing import MockWorld

pytestmark = pytest.mark.extended

RUNS = "/api/v1/automation-runs"
TOOLS = Path(__file__).parents[1] / "tools"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
TYPES = [
    "run.created",
    "run.started",
    *["step.started", "step.completed"] * 3,
    "run.completed",
]
"""The events of the scenario quick-success."""

NODE_CLIENTS = (
    "eventsource2",
    "eventsource3",
    "eventsource4",
    "eventsource-client",
    "fetch-event-source",
    "event-source-polyfill",
)
PYTHON_CLIENTS = ("httpx-sse", "sseclient-py", "aiohttp-sse-client")


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with the clients."""
    where = tmp_path_factory.mktemp("clients") / "venv"
    uv = [sys.executable, "-m", "uv"]
    install = [*uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(where)]
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(where)],
        [*install, "--requirement", str(TOOLS / "requirements.txt")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return str(where / "bin" / "python")


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process whose output is read line by line; it is killed at the end."""
    with subprocess.Popen(command, cwd=TOOLS, stdout=subprocess.PIPE, text=True) as process:
        # Reading a line has no time limit of its own; the end of the process ends it.
        giving_up = Timer(PATIENCE, process.kill)
        giving_up.start()
        try:
            yield process
        finally:
            giving_up.cancel()
            process.kill()


def node_script(name: str, *arguments: str) -> list[str]:
    """The command that runs a script of ``tests/tools``."""
    node.tool("wait-on", TOOLS)  # Skips where Node is missing.
    return ["node", str(TOOLS / name), *arguments]


def follow(command: list[str], world: MockWorld, run_id: str, base_url: str) -> None:
    """Follow a run while time goes on; the stream is cut after three events, once.

    To a proxy it ends in good order there, because development servers do not pass a break on.
    """
    proxied = base_url != world.base_url
    world.control("faults", cut={"after": 3, "clean": proxied}, count=1)
    with running(*command, f"{base_url}{RUNS}/{run_id}/events", world.key) as process:
        read = []
        for expected, seconds in (("run.created", 1), ("run.started", 60)):
            line = process.stdout.readline()
            read.append(_message(line))
            # The event arrives although the next one is not due before the clock is advanced.
            assert read[-1]["event"] == expected, line
            world.advance(seconds)
        read += map(_message, process.stdout)
    assert [message["event"] for message in read] == TYPES
    assert [message["type"] for message in read] == TYPES
    assert [message["id"] for message in read] == [str(n) for n in range(1, len(TYPES) + 1)]


def _message(line: str) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(line)
    except ValueError:
        raise AssertionError(f"the client printed {line!r}") from None
    return message


@pytest.mark.parametrize("client", NODE_CLIENTS)
def test_a_node_client_of_event_streams(client: str, mock_world: MockWorld) -> None:
    """No message is empty, missing or repeated, also after a reconnection."""
    run_id = mock_world.create("quick-success")
    follow(node_script("follow.mjs", client), mock_world, run_id, mock_world.base_url)


@pytest.mark.parametrize("client", PYTHON_CLIENTS)
def test_a_python_client_of_event_streams(client: str, python: str, mock_world: MockWorld) -> None:
    """The same."""
    run_id = mock_world.create("quick-success")
    command = [python, str(TOOLS / "follow.py"), client]
    follow(command, mock_world, run_id, mock_world.base_url)


@pytest.mark.parametrize("kind", ["vite", "webpack"])
def test_a_development_server(kind: str, mock_world: MockWorld) -> None:
    """It passes events as they happen, although webpack's compresses, and redirects stay on it."""
    run_id = mock_world.create("quick-success")
    with running(*node_script("proxy.mjs", kind, mock_world.base_url)) as proxy:
        address = proxy.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        _through(address, mock_world)
        follow(node_script("follow.mjs", "eventsource4"), mock_world, run_id, address)


@pytest.mark.parametrize(
    ("version", "prefix", "gzip"),
    [("1.0", "", "on"), ("1.1", "/mock", "on"), ("1.1", "", "off")],
)
def test_nginx(version: str, prefix: str, gzip: str, mock_world: MockWorld, tmp_path: Path) -> None:
    """With its defaults it buffers, compresses, and speaks HTTP/1.0 to the mock."""
    if "CI" not in os.environ and not Path(NGINX).exists():
        pytest.skip("nginx is not on this machine")
    run_id = mock_world.create("quick-success")
    port = free_port()
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"""daemon off; master_process off; pid {tmp_path}/pid;
events {{}}
http {{
access_log off;
{temporary}
gzip {gzip}; gzip_types *; gzip_proxied any; gzip_min_length 0;
server {{
  listen 127.0.0.1:{port};
  location {prefix}/ {{
    proxy_pass {mock_world.base_url}/;
    proxy_http_version {version};
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Prefix "{prefix}";
  }}
}}
}}
""",
        encoding="utf-8",
    )
    address = f"http://127.0.0.1:{port}{prefix}"
    with running(NGINX, "-e", "stderr", "-c", str(config), "-p", str(tmp_path)):
        _wait_on(f"{address}/_mock/health")
        _through(address, mock_world)
        # The link leads back through the proxy.
        made = httpx2.post(f"{address}/_mock/repro?world={mock_world.key}", json={})
        assert made.json()["link"].startswith(f"{address}/_mock/repro/")
        follow(node_script("follow.mjs", "eventsource4"), mock_world, run_id, address)


def _through(address: str, world: MockWorld) -> None:
    """Requests pass the proxy, and a redirect stays on it."""
    client = httpx2.Client(headers=world.headers, verify=False, follow_redirects=True)
    with client:
        assert client.get(f"{address}{RUNS}").json()["total"] == 1
        redirected = client.get(f"{address}{RUNS}/?limit=1")
        assert str(redirected.url).startswith(address)


def _wait_on(url: str) -> None:
    command = [str(node.tool("wait-on", TOOLS)), url, "--timeout", f"{PATIENCE}s", "-i", "50"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/_mock/health", "/_mock/ready", "/", "/openapi.json"])
def test_wait_on(path: str, mock_server_url: str) -> None:
    """It asks by HEAD."""
    _wait_on(f"{mock_server_url}{path}")


@pytest.mark.parametrize("path", ["/_mock/health", "/_mock/ready", "/docs", "/openapi.yaml"])
def test_wget_as_a_spider(path: str, mock_server_url: str) -> None:
    """As in a health check of a container."""
    wget = shutil.which("wget")
    if wget is None:
        pytest.skip("wget is not on this machine")
    done = subprocess.run(
        [wget, "--spider", "--quiet", f"{mock_server_url}{path}"], check=False, timeout=PATIENCE
    )
    assert done.returncode == 0


def test_axios_with_a_cookie_jar(mock_world: MockWorld) -> None:
    """The login's cookie opens the world, among other cookies of the host."""
    mock_world.create("hang")
    assert _called("calls.mjs", "axios", mock_world) == [401, 200, 1]


def test_tanstack_query(mock_world: MockWorld) -> None:
    """It tries again after an injected error."""
    mock_world.create("hang")
    mock_world.control("faults", status={"code": 503}, count=1)
    assert _called("calls.mjs", "tanstack", mock_world) == [2, 1]


def test_a_postman_collection(mock_world: MockWorld) -> None:
    """The contract is imported, and every request of the collection gets a declared response."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    command = node_script("collection.mjs", mock_world.base_url, mock_world.key, run_id)
    done = subprocess.run(
        command, cwd=TOOLS, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["baseUrl"].rstrip("/") == mock_world.base_url
    statuses = sorted(status for _, status in shown["found"])
    # A completed run is neither cancelled nor retried.
    assert statuses == [200, 200, 200, 200, 409, 409]


def _called(script: str, client: str, world: MockWorld) -> Any:
    command = node_script(script, client, world.base_url, world.key)
    done = subprocess.run(
        command, cwd=TOOLS, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
