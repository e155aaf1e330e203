"""Memory comes back: no circle of references keeps a world, a request or its body."""

import gc
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from mock_server.connection import Connection
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.run import Run
from mock_server.errors import RequestValidationError
from mock_server.http.call import Call
from mock_server.journal import journal
from mock_server.journal.exchange import Exchange
from mock_server.journal.journal import Journal
from mock_server.response_cycle import ResponseCycle
from mock_server.testing import MockWorld
from mock_server.worlds.world import World

RUNS = "/api/v1/automation-runs"


@pytest.fixture
def left_over() -> Iterator[Callable[[], list[str]]]:
    """Turn the collector off, and return what only it could have freed."""
    gc.collect()
    gc.disable()

    def collected() -> list[str]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            kinds = (World, Run, Exchange, Call, Journal, Connection, ResponseCycle)
            # Not isinstance: a weak proxy asks what it refers to, which is gone.
            return [type(one).__name__ for one in gc.garbage if issubclass(type(one), kinds)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()

    yield collected
    gc.enable()


def test_no_request_leaves_garbage(
    mock_world: MockWorld, left_over: Callable[[], list[str]]
) -> None:
    """Imports, invalid documents, links, resets, errors and streams."""
    client = mock_world.client
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    document = client.get("/_mock/state").content
    headers = {"Content-Type": "application/json"}
    for _ in range(3):
        assert client.put("/_mock/state", content=document, headers=headers).status_code == 200
        assert client.put("/_mock/state", content=b"{}", headers=headers).status_code == 422
        assert client.get(f"{RUNS}/{run_id}/events").status_code == 200
        assert client.get(f"{RUNS}?limit=x").status_code == 422
        assert client.get("/_mock/requests").status_code == 200
        assert client.post("/_mock/repro").status_code == 200
        mock_world.control("reset", runs=3, live=0)
    assert client.get("/_mock/health").status_code == 200  # By then the old worlds are disposed.
    assert left_over() == []


def test_no_rejected_world_leaves_garbage(
    mock_world: MockWorld, left_over: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that is invalid at its end, one that cannot be shown, a link that is only read."""
    client = mock_world.client
    mock_world.create("quick-success")
    mock_world.advance(60)
    document = client.get("/_mock/state").json()
    link = client.post("/_mock/repro").json()["token"]
    damaged = {**document, "due": [*document["due"], [0, 10_000, "start", None]]}
    for _ in range(3):
        assert client.put("/_mock/state", json=damaged).status_code == 422
        assert client.get(f"/_mock/repro/{link}").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr("mock_server.worlds.registry.prove", _reject)
        assert client.put("/_mock/state", json=document).status_code == 422
    for _ in range(3):
        assert client.get("/_mock/health").status_code == 200
    assert left_over() == []


def _reject(world: World, loc: object, limits: object) -> Iterator[None]:
    raise RequestValidationError.at(("body",), "cannot be rendered")
    yield


def test_no_lost_connection_leaves_garbage(
    mock_world: MockWorld, left_over: Callable[[], list[str]]
) -> None:
    """Whose requests were in line behind another one."""
    where = urlsplit(mock_world.base_url)
    path = f"{RUNS}/{mock_world.create('hang')}/events"
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {mock_world.key}\r\n\r\n".encode()
    for number in (1, 3, 40):
        with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
            connection.sendall(head)
            connection.recv(1)
            connection.sendall(head * number)
    while any(one["stream"] == "open" for one in mock_world.control("requests", "GET")["items"]):
        pass
    mock_world.control("health", "GET")
    assert left_over() == []


def exchange(number: int, size: int) -> Exchange:
    async def send(message: object) -> None:
        pass

    class Counter:
        def count(self, exchange: Exchange) -> None:
            pass

    scope = {
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"x-large", b"x" * size)],
    }
    return Exchange(number, scope, send, Behaviour(), Journal(), Counter())


def test_a_journal_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entries make room; the newest stays whatever its size."""
    monkeypatch.setattr(journal, "MAX_BYTES", 100_000)
    entries = Journal()
    for number in range(50):
        entries.append(exchange(number, 9_000))
    assert [one.number for one in entries] == list(range(50 - len(entries), 50))
    assert 8 <= len(entries) <= 10
    entries.append(exchange(50, 1_000_000))
    assert [one.number for one in entries] == [50]
    entries.append(exchange(51, 10))
    assert [one.number for one in entries] == [51]
    entries.clear()
    for number in range(2_000):
        entries.append(exchange(number, 10))
    assert 90 < len(entries) < 100


def test_a_journal_is_bounded_in_entries() -> None:
    """Small ones count too, and what is removed no longer counts."""
    entries = Journal()
    for number in range(3_000):
        entries.append(exchange(number, 10))
    assert [entries[0].number, len(entries)] == [2_000, 1_000]


def resident(process: int) -> int:
    """Return the resident memory of a process in KiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.extended
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_stays_flat_over_many_imports(runs_mock: str) -> None:
    """Forty worlds of some megabytes and ten invalid documents: within 20 percent."""
    arguments = [runs_mock, "serve", "--port", "0", "--start", "empty", "--clock", "frozen"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            page = next(line for line in process.stdout if "Start page" in line)
            with httpx2.Client(base_url=page.split()[-1], timeout=120, verify=False) as client:
                client.headers.update({"X-API-Key": "test-x", "Content-Type": "application/json"})
                client.post("/_mock/reset", json={"start": "ten-thousand", "runs": 6_000})
                document = client.get("/_mock/state").content
                assert len(document) > 5_000_000
                invalid = document.replace(b'"run.completed"', b'"run.complete"')
                sizes = []
                for number in range(50):
                    body, status = (document, 200) if number < 40 else (invalid, 422)
                    answer = client.put("/_mock/state", content=body)
                    assert answer.status_code == status
                    sizes.append(resident(process.pid))
            assert max(sizes) < 1.2 * sizes[2], sizes
        finally:
            process.terminate()
