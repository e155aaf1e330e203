"""A mock that is running, as the subcommands talk to it: its control API over HTTP.

Each subcommand is given a ``Remote`` by ``driven_by_options``, which adds the options that say which mock and
which world. What the mock refuses is told in its own words.
"""

import os
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

from mock_server.errors import UsageError

API = "/api/v1/automation-runs"
DEFAULT_URL = "http://127.0.0.1:8080"
_CONNECT = 5.0
"""Real seconds in which a mock must let itself be reached; how long it then works is its affair."""

_OF_NO_WORLD = re.compile("/(scenarios|fault-presets|requests/[0-9]+)")
"""Paths that are the whole mock's and take no world."""

_AT_ONCE = 1.0
_DOING = MappingProxyType(
    {
        "/reset": "the fresh world is being made, run by run; the old one is there until then",
        "/state": "the world is being written down or read back, run by run",
        "/clock/advance": "what is due on the way is happening",
    }
)
"""What a mock does that does not answer within so many seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which mock and which world; None for what was not said."""

    url: str | None = None
    world: str | None = None
    token: str | None = None

    def within(self, outer: "Target") -> "Target":
        """This, and for what it leaves open ``outer``."""
        return Target(self.url or outer.url, self.world or outer.world, self.token or outer.token)


class Remote:
    """The control API of the mock that ``target`` names, else the environment, else the default."""

    def __init__(self, target: Target) -> None:
        environment = Target(
            *(os.environ.get(f"RUNS_MOCK_{name}") for name in ("URL", "WORLD", "CONTROL_TOKEN"))
        )
        target = target.within(environment)
        self.url = (target.url or DEFAULT_URL).rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(
                f"{self.url!r} is no address of a mock; write it like {DEFAULT_URL} "
                "(--url or RUNS_MOCK_URL)"
            )
        self._world = target.world
        self._token = target.token
        with self._reaching():
            self._client = httpx2.Client(
                base_url=self.url,
                headers={"X-Mock-Token": target.token} if target.token else {},
                timeout=httpx2.Timeout(None, connect=_CONNECT),
                # Loading certificates takes longer than most calls, and a proxy leads elsewhere.
                verify=self.url.startswith("https://"),
                trust_env=False,
            )

    @property
    def world(self) -> str:
        """The name of the world that is driven. Raises UsageError."""
        if self._world is None:
            self._world = str(self.get("/clock")["world"])
        return self._world

    def get(self, path: str, **query: Any) -> Any:
        """What the control API answers there, as JSON. Raises UsageError with what it says."""
        return self.call("GET", path, None, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """The same, with ``body`` as JSON where it is not None."""
        return self.call("POST", path, body, query)

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> Any:
        """The same, with any method; None for an answer without a body."""
        answer = self._ask(method, path, body, query)
        return answer.json() if answer.content else None

    def read(self, path: str) -> bytes:
        """What the control API answers there, byte for byte. Raises UsageError."""
        return self._ask("GET", path, None, None).content

    def _ask(
        self, method: str, path: str, body: Any, query: dict[str, Any] | None
    ) -> httpx2.Response:
        query = dict(query or {})
        if self._world is not None and not _OF_NO_WORLD.fullmatch(path):
            query["world"] = self._world
        with self._reaching(), _progress_note(path):
            try:
                answer = self._client.request(method, f"/_mock{path}", params=query, json=body)
            except ValueError as error:
                raise UsageError(f"this cannot be sent: {error}") from None
        self._check(answer)
        return answer

    def run(self, run_id: str) -> Any:
        """The run as it is now. Raises UsageError."""
        with self._reaching():
            answer = self._client.get(f"{API}/{run_id}", headers={"X-API-Key": self.world})
        self._check(answer)
        return answer.json()

    @contextmanager
    def events(self, run_id: str) -> Iterator[httpx2.EventSource]:
        """The event stream of a run. Raises UsageError."""
        with (
            self._reaching(),
            self._client.stream(
                "GET", f"{API}/{run_id}/events", headers={"X-API-Key": self.world}
            ) as answer,
        ):
            if not answer.is_success:
                answer.read()
                self._check(answer)
            yield httpx2.EventSource(answer)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx2.InvalidURL as error:
            raise UsageError(f"{self.url!r} is no address of a mock: {error}") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise UsageError(
                f"no mock answers at {self.url}: start one with `runs-mock serve`, or name the one "
                "that is running with --url or RUNS_MOCK_URL"
            ) from None
        except httpx2.TransportError as error:
            raise UsageError(f"the mock at {self.url} broke off: {error}") from None

    def _check(self, answer: httpx2.Response) -> None:
        try:
            said = answer.json() if answer.content else {}
        except ValueError:
            said = None
        if answer.is_success and said is not None:
            return
        if not isinstance(said, dict) or "detail" not in said:
            raise UsageError(
                f"what answers at {self.url} is no runs-mock of this version: "
                f"{answer.status_code} for {answer.request.method} {answer.request.url.path}"
            )
        if answer.status_code == 401:
            problem = "does not take this token" if self._token else "asks for its token"
            raise UsageError(
                f"the mock at {self.url} {problem}: give its own with --token or "
                "RUNS_MOCK_CONTROL_TOKEN"
            )
        raise RequestRejected(answer.status_code, _spell(said["detail"]))


@contextmanager
def _progress_note(path: str) -> Iterator[None]:
    """Say what the mock is doing, where it does not answer at once."""
    doing = _DOING.get(path, "the mock is at work")
    timer = Timer(_AT_ONCE, lambda: click.echo(f"runs-mock: {doing} ...", err=True))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class RequestRejected(UsageError):  # noqa: N818 - an answer, not a failure
    """The mock understood and did not do it; ``status`` is the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


_options = (
    click.option(
        "--url", metavar="URL", help=f"The mock (RUNS_MOCK_URL).  [default: {DEFAULT_URL}]"
    ),
    click.option("--world", metavar="NAME", help="Its world (RUNS_MOCK_WORLD).  [default: demo]"),
    click.option("--token", metavar="TOKEN", help="Its token (RUNS_MOCK_CONTROL_TOKEN)."),
)


def driven_by_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` a ``Remote`` first, and the options that choose it. What a group was told
    holds for its subcommands."""

    def drive(
        context: click.Context,
        /,
        url: str | None,
        world: str | None,
        token: str | None,
        **rest: Any,
    ) -> Any:
        outer = context.find_object(Target) or Target()
        context.obj = Target(url, world, token).within(outer)
        return command(Remote(context.obj), **rest)

    driven: Callable[..., Any] = update_wrapper(click.pass_context(drive), command)
    for option in reversed(_options):
        driven = option(driven)
    return driven


def _spell(detail: Any) -> str:
    """The reason for a refusal in one line, or each flaw with where it is."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in detail)
