"""Options of ``runs-mock serve`` for a real backend that responds to a part of the requests."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from mock_server.cli.options import add_options
from mock_server.cli.setup_options import Words
from mock_server.engine.enums import Operation
from mock_server.errors import UsageError
from mock_server.settings import Fallback

_PATH = re.compile(r"(/[\w.~%!$&'()*+,;=:@-]+)*/?")


class BackendUrl(click.ParamType[Any]):
    """The base URL of a backend."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            parts = urlsplit(str(value))
            valid = parts.port != 0 and bool(parts.hostname)
        except ValueError:
            valid, parts = False, urlsplit("")
        if "@" in parts.netloc:
            self.fail("expected a URL without credentials: clients send their own", param, ctx)
        if (
            not valid
            or parts.scheme not in ("http", "https")
            or not _PATH.fullmatch(parts.path)
            or parts.query
            or parts.fragment
            or not str(value).isprintable()
            or " " in str(value)
        ):
            self.fail(
                "expected the address of a backend, what comes before /api/v1, such as "
                f"https://staging.example.org, got {value!r}",
                param,
                ctx,
            )
        return str(value).rstrip("/")


class Operations(Words):
    """Names of operations."""

    name = "operations"

    def _check(self, text: str, param: Any, ctx: Any) -> str:
        known = {str(each).lower(): str(each) for each in Operation}
        if text.lower() not in known:
            self.fail(f"expected {', '.join(known.values())}, got {text!r}", param, ctx)
        return known[text.lower()]


class Patterns(Words):
    """Patterns of ids of runs."""

    name = "patterns"

    def _check(self, text: str, param: Any, ctx: Any) -> str:
        if "/" in text or not text.isprintable():
            self.fail(f"expected an id of a run, in which * is any text, got {text!r}", param, ctx)
        return text


_OPTIONS = (
    click.option(
        "--fallback",
        "fallback",
        type=BackendUrl(),
        metavar="URL",
        envvar="RUNS_MOCK_FALLBACK",
        help="Pass requests for runs that the world does not have on to this backend, with their "
        "credentials.",
    ),
    click.option(
        "--fallback-operations",
        "fallback_operations",
        type=Operations(),
        default="",
        envvar="RUNS_MOCK_FALLBACK_OPERATIONS",
        help="Pass all requests of these operations on, such as listRuns,cancelRun.",
    ),
    click.option(
        "--fallback-runs",
        "fallback_runs",
        type=Patterns(),
        default="",
        metavar="PATTERNS",
        envvar="RUNS_MOCK_FALLBACK_RUNS",
        help="Pass all requests for these runs on: ids, in which * is any text.",
    ),
)


def fallback_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of this module to ``command``."""
    return add_options(command, _OPTIONS)


def read_fallback(options: dict[str, Any]) -> Fallback | None:
    """Take the options of this module out of ``options``, and return what they say.

    Raise UsageError.
    """
    url = options.pop("fallback")
    operations, runs = options.pop("fallback_operations"), options.pop("fallback_runs")
    if url is None:
        for name, value in (("operations", operations), ("runs", runs)):
            if value:
                raise UsageError(f"--fallback-{name}: expected --fallback URL, got none")
        return None
    return Fallback(url, frozenset(map(Operation, operations)), runs)
