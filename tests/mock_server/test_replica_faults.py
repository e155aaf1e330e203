"""Replicas as processes: killed, paused, without their store, and with a store that restarts."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("redis")

from ports import free_port
from replica import events
from valkey_server import ValkeyServer

API = "/api/v1/automation-runs"
PATIENCE = 120

pytestmark = pytest.mark.extended


class Gate:
    """A way to the server of the store that can be shut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._shut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._shut:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def shut(self) -> None:
        self._shut = True
        for one in self._open:
            one.close()

    def close(self) -> None:
        self.shut()
        self._listener.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass


class Replica:
    """A mock as a process."""

    def __init__(self, store: str, world: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "mock_server", "serve", "--store", store]
        command += ["--port", self.url.rpartition(":")[2], "--advertise", self.url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        next(line for line in self.process.stdout if line.startswith("Ctrl-C"))
        self.client = httpx2.Client(base_url=self.url, headers={"X-API-Key": world}, timeout=60)

    def create(self) -> str:
        response = self.client.post("/_mock/runs", json={"scenario": "diamond"})
        assert response.status_code == 201
        return str(response.json()["id"])

    def read(self, run: str, after: int, count: int | None = None) -> list[tuple[int, str]]:
        """Return events of a run: ``count`` of them, or all until the stream ends."""
        fields = {"Last-Event-ID": str(after)}
        with self.client.stream("GET", f"{API}/{run}/events", headers=fields) as response:
            return list(islice(events(response), count))

    def end(self) -> None:
        self.client.close()
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path) as server:
        yield server


@pytest.fixture
def gate(server: ValkeyServer) -> Iterator[Gate]:
    gate = Gate(server.port)
    yield gate
    gate.close()


@pytest.fixture
def two(
    server: ValkeyServer, gate: Gate, request: pytest.FixtureRequest
) -> Iterator[list[Replica]]:
    """Two replicas, of which the first reaches the store through the gate."""
    world = f"test-empty-{request.node.name.replace('_', '-')[:40]}"
    found = [Replica(f"valkey://127.0.0.1:{gate.port}/0", world)]
    found.append(Replica(server.location, world))
    yield found
    for one in found:
        one.end()


def completed(replica: Replica, run: str, seen: list[tuple[int, str]]) -> None:
    """Let the run end; assert that its events go on after those that were ``seen``."""
    while True:
        advanced = replica.client.post("/_mock/clock/advance", json={"seconds": 600})
        if advanced.status_code != 503:
            break
        assert advanced.headers["retry-after"]
    assert advanced.status_code == 200
    seen += replica.read(run, seen[-1][0])
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert seen == replica.read(run, 0)
    assert "run.completed" in seen[-1][1]


def test_an_owner_that_is_killed(two: list[Replica]) -> None:
    """Its stream breaks off, and goes on at the other replica without a gap or a duplicate."""
    owner, other = two
    run = owner.create()
    seen = owner.read(run, 0, 3)
    owner.kill()
    completed(other, run, seen)


def test_an_owner_that_is_paused_past_its_lease(two: list[Replica]) -> None:
    """Another takes its world over; when it goes on, it shows what the other one has."""
    owner, other = two
    run = owner.create()
    seen = owner.read(run, 0, 3)
    owner.process.send_signal(signal.SIGSTOP)
    listed = other.client.get(API)  # It is repeated, once the owner has lost the world.
    assert listed.status_code == 200
    second = other.create()
    owner.process.send_signal(signal.SIGCONT)
    after = owner.client.get(API).json()
    assert {one["id"] for one in after["items"]} == {run, second}
    completed(owner, run, seen)


def test_an_owner_without_its_store(two: list[Replica], gate: Gate) -> None:
    """It is not ready, and responds with 503 as soon as its lease is uncertain; the other takes
    the world over."""
    owner, other = two
    run = owner.create()
    seen = owner.read(run, 0, 3)
    gate.shut()
    refused = owner.client.post("/_mock/runs", json={"scenario": "diamond"})
    assert refused.status_code == 503
    completed(other, run, seen)
    assert owner.client.get(API).status_code == 503
    ready = owner.client.get("/_mock/ready")
    assert ready.status_code == 503
    assert "fails" in ready.json()["detail"]


def test_a_store_that_is_restarted(two: list[Replica], server: ValkeyServer) -> None:
    """The owner goes on with its world."""
    _, owner = two
    run = owner.create()
    seen = owner.read(run, 0, 3)
    server.kill()
    server.start_again()
    completed(owner, run, seen)


def test_replicas_that_claim_a_world_at_once(two: list[Replica]) -> None:
    """One owns it, and both respond with the same."""
    barrier = threading.Barrier(len(two))
    found: list[bytes] = []

    def ask(replica: Replica) -> None:
        barrier.wait(PATIENCE)
        found.append(replica.client.get(f"{API}?limit=5").content)

    threads = [threading.Thread(target=ask, args=(one,)) for one in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [json.loads(one) for one in found] == [{"items": [], "total": 0}] * 2
    health = [one.client.get("/_mock/health").json()["worlds"] for one in two]
    assert sorted(health) == [0, 1]
