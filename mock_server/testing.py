"""A mock inside a test: a real server on a free port, and a world with its clock in hand.

What the pytest plugin gives as fixtures, for other test runners and for scripts::

    with serving() as base_url, MockWorld(base_url, "test-nightly", scale=0) as world:
        run_id = world.create("flaky")
        world.advance(60)
        assert world.run(run_id)["status"] == "failed"

A client of any kind reaches the world at ``world.base_url`` with ``world.headers``.
"""

import asyncio
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx2

from mock_server.engine.duration import parse_duration

if TYPE_CHECKING:
    from mock_server.settings import Settings

RUNS = "/api/v1/automation-runs"


@contextmanager
def serving(settings: "Settings | None" = None) -> Iterator[str]:
    """Serve a mock from a thread of this process for as long as the block lasts; gives its base
    URL. Raises UsageError when the settings cannot be used."""
    with warnings.catch_warnings():
        # Connexion imports names that jsonschema deprecates; that is not the tested project's
        # fault.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Not above: who only talks to a mock need not wait for the server's libraries, which take
        # a second to load.
        from mock_server.app import Mock  # noqa: PLC0415
        from mock_server.server import Server, address, bind  # noqa: PLC0415
        from mock_server.settings import Settings  # noqa: PLC0415

        mock = Mock(settings or Settings())
    ready = threading.Event()
    server = Server(mock, ready.set)
    with bind("127.0.0.1", 0) as listener:
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


class MockWorld:
    """One world of a running mock.

    ``key`` is its credential and ``headers`` what sends it; ``client`` is an HTTP client that does
    and that finds the API at relative paths.
    """

    def __init__(self, base_url: str, key: str, *, token: str | None = None, **start: Any) -> None:
        """Resets the world. ``token`` is the one that the mock's control API asks for, if it asks;
        ``start`` is what ``POST /_mock/reset`` takes: ``now`` (RFC 3339, or
        an aware datetime), ``seed``, ``scale`` (world seconds for a real one, 0 for frozen),
        ``runs``, ``live`` and what else its document lists. Raises ValueError for what it refuses
        and ConnectionError when nothing answers."""
        self.base_url = base_url
        self.key = key
        self.headers = {"X-API-Key": key}
        self._token = {} if token is None else {"X-Mock-Token": token}
        # Loading certificates would take longer than most tests.
        self.client = httpx2.Client(
            base_url=base_url,
            headers=self.headers,
            timeout=30,
            verify=base_url.startswith("https:"),
        )
        try:
            self.control("reset", **start)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<the world {self.key!r} on {self.base_url}>"

    def create(self, scenario: str | dict[str, Any], **changes: dict[str, Any]) -> str:
        """A new run of the scenario of that name, or of one that is written out; gives its id.
        ``changes`` are by the key of the step: ``fetch={"outcome": "fails"}``. Raises ValueError
        for what there is not."""
        __tracebackhide__ = True
        run_id: str = self.control("runs", scenario=scenario, changes=changes)["id"]
        return run_id

    def advance(self, seconds: float | str) -> None:
        """Move the clock forward, by seconds or as people write it, such as ``5m``; returns when
        everything that was due has happened. Raises ValueError for what is no duration."""
        __tracebackhide__ = True
        span = parse_duration(seconds) / 1_000 if isinstance(seconds, str) else seconds
        self.control("clock/advance", seconds=span)

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it is now. Raises ValueError if there is none."""
        __tracebackhide__ = True
        return self._value(self._request("GET", f"{RUNS}/{run_id}"))

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """The run's steps as they are now. Raises ValueError if there is no such run."""
        __tracebackhide__ = True
        steps: list[dict[str, Any]] = self._value(self._request("GET", f"{RUNS}/{run_id}/steps"))[
            "steps"
        ]
        return steps

    def control(self, path: str, method: str = "POST", /, **given: Any) -> dict[str, Any]:
        """``{method} /_mock/{path}`` for this world: whatever the control API can do. ``given`` is
        the body of a POST or PUT, and the query of any other method. Gives its answer, ``{}`` for
        none; raises ValueError with its reason when it refuses."""
        __tracebackhide__ = True
        for name, value in given.items():
            if isinstance(value, datetime):
                if value.tzinfo is None:
                    raise ValueError(f"{name}: {value} has no zone; give it one, such as UTC")
                given[name] = value.isoformat()
        content = {"json": given} if method in ("POST", "PUT") else {"params": given or None}
        return self._value(self._request(method, f"/_mock/{path}", headers=self._token, **content))

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def _request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        __tracebackhide__ = True
        try:
            return self.client.request(method, path, **content)
        except httpx2.TransportError as error:
            raise ConnectionError(f"{method} {self.base_url}{path}: {error}") from None

    def _value(self, response: httpx2.Response) -> dict[str, Any]:
        __tracebackhide__ = True  # pytest then shows the line of the test
        if not response.is_success:
            request = response.request
            raise ValueError(
                f"{request.method} {request.url.path} answered {response.status_code}: "
                f"{_reason(response)}"
            )
        value: dict[str, Any] = response.json() if response.content else {}
        return value


def _reason(response: httpx2.Response) -> str:
    """Why the mock refused, on one line; the text itself where it is no answer of the mock's."""
    try:
        detail = response.json()["detail"]
        if isinstance(detail, str):
            return detail
        return "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in detail)
    except (ValueError, KeyError, TypeError):
        return response.text[:500] or response.reason_phrase
