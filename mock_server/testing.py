"""A mock inside a test: a real server on a free port, and a world whose clock the test controls.

The pytest plugin offers the same as fixtures; this is for other test runners and for scripts::

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
_ANY = object()


@contextmanager
def serving(settings: "Settings | None" = None, *, port: int = 0) -> Iterator[str]:
    """Serve a mock from a thread of this process during the block, and return its base URL.

    ``port`` 0 takes a free one. Raise UsageError for settings that cannot be used.
    """
    with warnings.catch_warnings():
        # Connexion imports names that jsonschema deprecates; the tested project cannot help it.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Imported here because the libraries of the server take a second to load, and a client
        # of a running mock does not need them.
        from mock_server.app import Mock  # noqa: PLC0415
        from mock_server.server import Server, address, bind  # noqa: PLC0415
        from mock_server.settings import Settings  # noqa: PLC0415

        mock = Mock(settings or Settings())
    ready = threading.Event()
    server = Server(mock, ready.set)
    with bind("127.0.0.1", port) as listener:
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

    ``key`` is its credential and ``headers`` the headers with it; ``client`` is an HTTP client that
    sends them and takes relative paths.
    """

    def __init__(self, base_url: str, key: str, *, token: str | None = None, **start: Any) -> None:
        """Reset the world.

        ``token`` is the control token, if the mock has one; ``start`` are the parameters of
        ``POST /_mock/reset``: ``now`` (RFC 3339, or an aware datetime), ``seed``, ``scale`` (world
        seconds in a real one, 0 for frozen), ``runs``, ``live`` and others. Raise ValueError with
        the reason of an error response, and ConnectionError without a response.
        """
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
        """Create a run of a scenario, by name or as a dictionary, and return its id.

        ``changes`` are by the key of the step: ``fetch={"outcome": "fails"}``. Raise ValueError for
        an unknown scenario or step.
        """
        __tracebackhide__ = True
        run_id: str = self.control("runs", scenario=scenario, changes=changes)["id"]
        return run_id

    def advance(self, seconds: float | str) -> None:
        """Advance the clock, by seconds or by text such as ``5m``, and let what is due happen.

        Raise ValueError for an invalid duration.
        """
        __tracebackhide__ = True
        span = parse_duration(seconds) / 1_000 if isinstance(seconds, str) else seconds
        self.control("clock/advance", seconds=span)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return the run. Raise ValueError for an unknown one."""
        __tracebackhide__ = True
        return self._value(self._request("GET", f"{RUNS}/{run_id}"))

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """Return the steps of a run. Raise ValueError for an unknown one."""
        __tracebackhide__ = True
        steps: list[dict[str, Any]] = self._value(self._request("GET", f"{RUNS}/{run_id}/steps"))[
            "steps"
        ]
        return steps

    def verify(
        self,
        *,
        count: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        exact_body: Any = _ANY,
        **matchers: Any,
    ) -> list[int]:
        """Verify that the client has sent the expected requests; return their numbers.

        ``matchers`` are ``method``, ``path``, ``operation``, ``status``, ``query``, ``headers`` and
        ``body`` as in ``POST /_mock/verify``. Without a number of requests, at least one is
        expected. Raise AssertionError with the nearest request if they were not sent::

            mock_world.verify(operation="retryRun", body={"mode": "full"}, count=1)
            mock_world.verify(operation="listRuns", query={"status": "failed"}, at_most=3)
        """
        __tracebackhide__ = True
        numbers = {"count": count, "atLeast": at_least, "atMost": at_most}
        expectation = matchers | {name: n for name, n in numbers.items() if n is not None}
        if exact_body is not _ANY:
            expectation["exactBody"] = exact_body
        [result] = self.verify_all(expectation)
        return result

    def verify_all(
        self, *expectations: dict[str, Any], in_order: bool = False, no_others: bool = False
    ) -> list[list[int]]:
        """Verify several expectations, objects as in ``POST /_mock/verify``; return the numbers of
        the requests that match each.

        With ``in_order``, their requests must come in this order; with ``no_others``, no other
        request may have been sent. Raise AssertionError.
        """
        __tracebackhide__ = True
        found = self.control(
            "verify", expectations=list(expectations), inOrder=in_order, noOthers=no_others
        )
        if not found["verified"]:
            raise AssertionError(found["message"])
        return [each["requests"] for each in found["expectations"]]

    def control(self, path: str, method: str = "POST", /, **given: Any) -> dict[str, Any]:
        """Call ``{method} /_mock/{path}`` for this world and return the JSON, ``{}`` for no body.

        ``given`` is the body of a POST or PUT, and the query of any other method. Raise ValueError
        with the reason of an error response.
        """
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
    """Return the reason of an error response on one line; its text if it is not the mock's."""
    try:
        detail = response.json()["detail"]
        if isinstance(detail, str):
            return detail
        return "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in detail)
    except (ValueError, KeyError, TypeError):
        return response.text[:500] or response.reason_phrase


class Sitting:
    """One client in one situation of the exam, in a world of its own.

    ``task`` is what the client is to do (``follow``, ``show``, ``list``, ``cancel``, ``retry``) for
    the run ``run_id``, at ``base_url`` with the credential ``token``. Call ``report`` with what the
    client shows, and ``judge`` when it has done its task.
    """

    def __init__(self, world: MockWorld, item: str) -> None:
        """Replace the world by the situation. Raise ValueError for an unknown item."""
        self.world = world
        sitting = world.control("exam/sittings", item=item)
        self.item: str = sitting["item"]
        self.task: str = sitting["task"]
        self.instruction: str = sitting["instruction"]
        self.base_url: str = sitting["baseUrl"]
        self.token: str = sitting["token"]
        self.run_id: str = sitting["runId"] or ""
        self.judged = False

    def __repr__(self) -> str:
        return f"<the sitting {self.item} in {self.world!r}>"

    def report(self, shown: str, **content: Any) -> None:
        """Report what the client shows: ``report("event", id="4", event="step.completed")``.

        Raise ValueError for an invalid report.
        """
        __tracebackhide__ = True
        self.world.control("exam/reports", reports=[{"shown": shown, **content}])

    def renew(self) -> str:
        """Return a new credential, for a client whose credential was rejected."""
        token: str = self.world.control("exam/credential")["token"]
        return token

    def verdict(self, *, reporting: bool = False) -> dict[str, Any]:
        """Finish the sitting and return the verdict, as ``POST /_mock/exam/verdict`` does.

        ``reporting`` says that a client without reports shows nothing.
        """
        self.judged = True
        return self.world.control("exam/verdict", reporting=reporting)

    def judge(self, *, reporting: bool = False) -> str | None:
        """Finish the sitting; return why the client was not judged, None for one that passes.

        Raise AssertionError with the reason for a client that fails, or that sent what the contract
        does not allow.
        """
        __tracebackhide__ = True
        verdict = self.verdict(reporting=reporting)
        if verdict["outcome"] == "failed":
            raise AssertionError(f"{self.item}: {verdict['reason']}")
        if verdict["contract"] is not None:
            raise AssertionError(f"{self.item}: {verdict['contract']}")
        return None if verdict["outcome"] == "passed" else str(verdict["reason"])
