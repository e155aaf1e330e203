"""A mock that shares its store with others, in a thread of the test."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import httpx2
import pytest

from mock_server.app import Mock
from mock_server.cluster import replicas
from mock_server.cluster.presence import in_common
from mock_server.cluster.replicas import ReplicaServer
from mock_server.server import address, bind
from mock_server.settings import Access, Settings

API = "/api/v1/automation-runs"

replicas._DRAIN = 0.0
"""For most tests, a last response for each connection would only take time."""


def soon(check: Callable[[], bool]) -> None:
    """Return when ``check`` returns True."""
    pause = threading.Event()
    while not check():
        pause.wait(0.01)


def events(response: httpx2.Response) -> Iterator[tuple[int, str]]:
    """Yield the number and the data of each event of a run, until the stream ends."""
    assert response.status_code == 200
    number = 0
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            yield number, value


class Replica:
    """A mock in a thread, which can be stopped."""

    def __init__(
        self, location: str, advertised: str | None = None, token: str | None = None
    ) -> None:
        listener = bind("127.0.0.1", 0)
        self.url = address(listener)
        advertised = advertised or self.url
        settings = Settings(
            start="empty",
            store=location,
            advertise=advertised,
            scale=20,
            access=Access(token=token),
        )
        common = in_common(token)
        self.mock = Mock(settings, **common._asdict())
        ready = threading.Event()
        self._server = ReplicaServer(self.mock, ready.set, in_common=common)
        self._thread = threading.Thread(target=lambda: self._server.run(sockets=[listener]))
        self._thread.start()
        assert ready.wait(30)
        self._client = httpx2.Client(base_url=self.url, timeout=60)

    def request(
        self,
        world: str,
        method: str,
        path: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        **given: Any,
    ) -> httpx2.Response:
        return self._client.request(method, path, headers={"X-API-Key": world, **headers}, **given)

    def stream(self, world: str, run: str, after: int = 0) -> Iterator[tuple[int, str]]:
        """Yield the number and the data of each event of a run, until the stream ends."""
        fields = {"X-API-Key": world, "Last-Event-ID": str(after)}
        with self._client.stream("GET", f"{API}/{run}/events", headers=fields) as response:
            yield from events(response)

    @property
    def peers(self) -> int:
        """How many other replicas it knows."""
        worlds: Any = self.mock.worlds.peers
        return len(worlds._others)

    def opened(self, path: str, headers: Mapping[str, str]) -> AbstractContextManager[Any]:
        """Open a stream."""
        return self._client.stream("GET", path, headers=dict(headers))

    def stop(self) -> None:
        """Stop as after SIGTERM."""
        self._server.should_exit = True
        self._thread.join(30)
        self._client.close()


def created(replica: Replica, world: str) -> str:
    """Create a run, and return its identifier."""
    body = {"scenario": "diamond"}
    response = replica.request(world, "POST", "/_mock/runs", json=body)
    assert response.status_code == 201
    return str(response.json()["id"])


class Request:
    """A request in a thread, which may wait for another owner."""

    def __init__(self, replica: Replica, world: str, method: str, path: str, **given: Any) -> None:
        def send() -> None:
            self._responses.append(replica.request(world, method, path, **given))

        self._responses: list[httpx2.Response] = []
        self._thread = threading.Thread(target=send)
        self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether there is no response yet."""
        return self._thread.is_alive()

    def response(self) -> httpx2.Response:
        """Return its response, when it has come."""
        self._thread.join(30)
        return self._responses[0]


class Claims:
    """Counts how often a replica asks the store for the owner of a world."""

    def __init__(self, replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._counted = threading.Condition()
        store: Any = replica.mock.keeper and replica.mock.keeper.store
        claim = store.claim

        async def counted(*arguments: Any) -> int:
            with self._counted:
                self.count += 1
                self._counted.notify_all()
            return int(await claim(*arguments))

        monkeypatch.setattr(store, "claim", counted)

    def wait_for(self, count: int) -> None:
        """Return when it has asked that often."""
        with self._counted:
            assert self._counted.wait_for(lambda: self.count >= count, 30)
