"""A running mock, as the subcommands use it: its control API over HTTP.

``with_remote`` gives a subcommand a ``Remote`` and adds the options that select the mock and the
world. An error response is printed with its own text.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import update_wrapper
from threading import Timer
from types import MappingProxyType
from typing import Any

import click
import httpx2
from click.core import ParameterSource

from mock_server.cli.options import BaseUrl, add_options
from mock_server.errors import UsageError

API = "/api/v1/automation-runs"
DEFAULT_URL = "http://127.0.0.1:8080"
_CONNECT_TIMEOUT = 5.0
"""Real seconds to connect. The response has no time limit: some work takes minutes."""

_FEED_TIMEOUT = 45.0
"""Real seconds without an event or comment after which a live feed is dead; the mock sends one
every 15."""

_WITHOUT_WORLD = re.compile("/(scenarios|fault-presets|failures|requests/[0-9]+)")
"""Paths of the mock itself, which have no world parameter."""

_NOTE_AFTER = 1.0
_WORK = MappingProxyType(
    {
        "/reset": "the fresh world is being made, run by run; the old one is there until then",
        "/state": "the world is being written down or read back, run by run",
        "/clock/advance": "what is due on the way is happening",
    }
)
"""What the mock is doing when it has not responded after so many seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """The mock and the world of a command; None for the world that the mock selects."""

    url: str
    world: str | None = None
    token: str | None = None


class Remote:
    """The control API of the mock that ``target`` names."""

    def __init__(self, target: Target) -> None:
        self.url = target.url.rstrip("/")
        self._world = target.world
        self._token = target.token
        with self._connecting():
            self._client = httpx2.Client(
                base_url=self.url,
                headers={"X-Mock-Token": target.token} if target.token else {},
                timeout=httpx2.Timeout(None, connect=_CONNECT_TIMEOUT),
                # Loading certificates takes longer than most calls.
                verify=self.url.startswith("https://"),
                trust_env=False,
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def world(self) -> str:
        """The name of the world. Raise UsageError."""
        if self._world is None:
            self._world = str(self.get("/clock")["world"])
        return self._world

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET response. Raise UsageError with the reason of an error."""
        return self.call("GET", path, None, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON of a POST response; send ``body`` as JSON unless it is None."""
        return self.call("POST", path, body, query)

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> Any:
        """Return the JSON of a response, None for one without a body. Raise UsageError."""
        response = self._request(method, path, body, query)
        return response.json() if response.content else None

    def read(self, path: str) -> bytes:
        """Return the body of a GET response. Raise UsageError."""
        return self._request("GET", path, None, None).content

    def _request(
        self, method: str, path: str, body: Any, query: dict[str, Any] | None
    ) -> httpx2.Response:
        query = dict(query or {})
        if self._world is not None and not _WITHOUT_WORLD.fullmatch(path):
            query["world"] = self._world
        with self._connecting(), progress_note(path):
            try:
                response = self._client.request(method, f"/_mock{path}", params=query, json=body)
            except ValueError as error:
                raise UsageError(f"this cannot be sent: {error}") from None
        self._check(response)
        return response

    def run(self, run_id: str) -> Any:
        """Return the run. Raise UsageError."""
        with self._connecting():
            response = self._client.get(f"{API}/{run_id}", headers={"X-API-Key": self.world})
        self._check(response)
        return response.json()

    @contextmanager
    def events(self, run_id: str) -> Iterator[httpx2.EventSource]:
        """Open the event stream of a run. Raise UsageError."""
        headers = {"X-API-Key": self.world}
        with (
            self._connecting(),
            self._client.stream("GET", f"{API}/{run_id}/events", headers=headers) as response,
        ):
            if not response.is_success:
                response.read()
                self._check(response)
            yield httpx2.EventSource(response)

    @contextmanager
    def feed(self, topics: str, whose: str, last_id: str | None) -> Iterator[httpx2.EventSource]:
        """Open the live feed, after the event with ``last_id`` if there is one. Raise UsageError:
        UnreachableError without a connection, or when it breaks."""
        query = {"topics": topics, "whose": whose}
        if self._world is not None:
            query["world"] = self._world
        with (
            self._connecting(),
            self._client.stream(
                "GET",
                "/_mock/events",
                params=query,
                headers={} if last_id is None else {"Last-Event-ID": last_id},
                timeout=httpx2.Timeout(_FEED_TIMEOUT, connect=_CONNECT_TIMEOUT),
            ) as response,
        ):
            if not response.is_success:
                response.read()
                self._check(response)
            yield httpx2.EventSource(response)

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        try:
            yield
        except httpx2.InvalidURL as error:
            raise UsageError(f"{self.url!r}: expected the address of a mock: {error}") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise UnreachableError(
                f"no mock answers at {self.url}: start one with `runs-mock serve`, or name the one "
                "that is running with --url or RUNS_MOCK_URL"
            ) from None
        except httpx2.TransportError as error:
            raise UnreachableError(f"the mock at {self.url} broke off: {error}") from None

    def _check(self, response: httpx2.Response) -> None:
        try:
            content = response.json() if response.content else {}
        except ValueError:
            content = None
        if response.is_success and content is not None:
            return
        if not isinstance(content, dict) or "detail" not in content:
            raise UsageError(
                f"{self.url}: expected a runs-mock of this version, got "
                f"{response.status_code} for {response.request.method} {response.request.url.path}"
            )
        if response.status_code == 401:
            problem = "does not take this token" if self._token else "asks for its token"
            raise UsageError(
                f"the mock at {self.url} {problem}: give its own with --token or "
                "RUNS_MOCK_CONTROL_TOKEN"
            )
        raise ResponseError(response.status_code, _reason(content["detail"]))


@contextmanager
def progress_note(path: str) -> Iterator[None]:
    """Print what the mock is doing when the block takes longer than a moment."""
    work = _WORK.get(path, "the mock is at work")
    timer = Timer(_NOTE_AFTER, lambda: click.echo(f"runs-mock: {work} ...", err=True))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class UnreachableError(UsageError):
    """The mock cannot be reached, or the connection broke."""


class ResponseError(UsageError):
    """An error response of the mock; ``status`` is its status code."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


_OPTIONS = (
    click.option(
        "--url",
        type=BaseUrl(),
        default=DEFAULT_URL,
        show_default=True,
        envvar="RUNS_MOCK_URL",
        show_envvar=True,
        help="The mock.",
    ),
    click.option(
        "--world",
        metavar="NAME",
        envvar="RUNS_MOCK_WORLD",
        show_envvar=True,
        help="Its world; without one, the first that it declares (demo).",
    ),
    click.option(
        "--token",
        metavar="TOKEN",
        envvar="RUNS_MOCK_CONTROL_TOKEN",
        show_envvar=True,
        help="Its control token.",
    ),
)


def with_remote(command: Callable[..., Any]) -> Callable[..., Any]:
    """Pass ``command`` a ``Remote`` first, and add the options that select it.

    An option of a group also applies to its subcommands, unless they have it themselves.
    """

    def run(
        context: click.Context, /, url: str, world: str | None, token: str | None, **rest: Any
    ) -> Any:
        target = Target(url, world, token)
        group = context.find_object(Target)
        if group is not None:
            target = Target(
                *(
                    getattr(target if _on_command_line(context, name) else group, name)
                    for name in ("url", "world", "token")
                )
            )
        context.obj = target
        return command(Remote(target), **rest)

    wrapped: Callable[..., Any] = update_wrapper(click.pass_context(run), command)
    return add_options(wrapped, _OPTIONS)


def _on_command_line(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _reason(detail: Any) -> str:
    """Return the reason of an error on one line; for validation errors, each with its location."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in detail)
