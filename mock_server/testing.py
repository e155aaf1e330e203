"""A mock inside a test: a real server on a free port, and a world with its clock in hand."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from mock_server.app import Mock
from mock_server.server import Server, address, bind
from mock_server.worlds import Settings


@contextmanager
def serving(settings: Settings | None = None) -> Iterator[str]:
    """Serve a mock from a thread of this process for as long as the block lasts; gives its base
    URL. Raises UsageError when the settings cannot be used."""
    listener = bind("127.0.0.1", 0)
    ready = threading.Event()
    server = Server(Mock(settings or Settings()), ready.set)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    try:
        if not ready.wait(30):
            raise TimeoutError("the mock did not start within 30 seconds")
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class MockWorld:
    """One world of a running mock.

    ``key`` is its credential, ``client`` an HTTP client that sends it and finds the API at
    relative paths.
    """

    def __init__(self, base_url: str, key: str, **start: Any) -> None:
        """Resets the world; ``start`` is what ``POST /_mock/reset`` takes: ``now``, ``seed``,
        ``scale``, ``runs``, ``live``."""
        self.base_url = base_url
        self.key = key
        # A mock speaks plain HTTP; loading certificates would take longer than most tests.
        self.client = httpx2.Client(
            base_url=base_url, headers={"X-API-Key": key}, timeout=30, verify=False
        )
        self._post("/_mock/reset", start)

    def create(self, scenario: str) -> str:
        """A new run of that scenario; gives its id."""
        run_id: str = self._post("/_mock/runs", {"scenario": scenario})["id"]
        return run_id

    def advance(self, seconds: float) -> None:
        """Move the clock forward; returns when everything that was due has happened."""
        self._post("/_mock/clock/advance", {"seconds": seconds})

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it is now."""
        answer = self.client.get(f"/api/v1/automation-runs/{run_id}")
        answer.raise_for_status()
        run: dict[str, Any] = answer.json()
        return run

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        if answer.is_error:
            raise ValueError(f"POST {path}: {answer.status_code} {answer.text}")
        value: dict[str, Any] = answer.json()
        return value
