"""Record requests and responses: bounded, without credentials, and each entry a `curl`
away from being seen again."""

from __future__ import annotations

import itertools
import re
import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import httpx2

from conformance.client.sse import ServerSentEvent
from conformance.redaction import Redactor

MAX_EXCHANGES = 400
MAX_BODY_SHOWN = 4_000
# Of each body, where complete exchanges are kept.
MAX_BODY_KEPT = 64 * 1024
# Of the events of a stream, in number and in characters of their data.
MAX_EVENTS_KEPT = 500
MAX_EVENT_DATA_KEPT = 4 * MAX_BODY_KEPT
_DEFAULT_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
)
# Nothing in the word but a variable means anything to a shell within double quotes.
_VARIABLE = re.compile(r"^[^\"`\\$]*\$[A-Z][A-Z0-9_]*[^\"`\\$]*$")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response; `status` is None if none came, `note` then says why. It was
    sent `at` so many seconds after the recording began. `shell_command` is the command for a
    request that curl would not send, `curl_options` are the options for TLS and a proxy."""

    number: int
    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str | None
    status: int | None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    seconds: float = 0.0
    note: str = ""
    shell_command: str = ""
    curl_options: tuple[str, ...] = ()
    at: float = 0.0

    @property
    def curl(self) -> str:
        """A command that sends the same request, the credential in a shell variable."""
        if self.shell_command:
            return self.shell_command
        words = ["curl", "-i", "-N"] if self.url.endswith("/events") else ["curl", "-i"]
        words += self.curl_options
        if self.method == "HEAD":
            words.append("--head")
        elif self.method != "GET":
            words += ["-X", self.method]
        for name, value in self.request_headers.items():
            if name.lower() not in _DEFAULT_HEADERS:
                words += ["-H", f"{name}: {value}"]
        if self.request_body is not None:
            words += ["--data-binary", self.request_body]
        return " ".join(_quoted(word) for word in [*words, self.url])

    def to_json(self) -> dict[str, Any]:
        """The exchange as the report has it."""
        hidden = ("shell_command", "curl_options", "at")
        shown = {k: v for k, v in asdict(self).items() if k not in hidden}
        return shown | {"curl": self.curl}


@dataclass(frozen=True, slots=True)
class Content:
    """What an exchange carried, with credentials: bodies up to `MAX_BODY_KEPT`, the size of the
    response's, and the events of a stream, each `at` so many seconds after the request."""

    request: bytes
    response: bytes
    size: int
    events: tuple[ServerSentEvent, ...] = ()


class Traffic:
    """The newest exchanges; safe to record from several threads. `curl_options` are the options
    that a command needs to reach the target; exchanges are numbered after `first`; with `complete`
    their contents are kept as well."""

    def __init__(
        self,
        redactor: Redactor,
        curl_options: tuple[str, ...] = (),
        first: int = 0,
        *,
        complete: bool = False,
    ) -> None:
        self.redactor = redactor
        self.curl_options = tuple(map(redactor.text, curl_options))
        self.started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._started = time.monotonic()
        self._complete = complete
        self._kept: OrderedDict[int, tuple[Exchange, Content | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._count = first

    @property
    def count(self) -> int:
        """The number of the newest exchange."""
        return self._count

    def since(self, number: int) -> list[Exchange]:
        """The kept exchanges with a number greater than this."""
        with self._lock:
            return [e for e, _ in self._kept.values() if e.number > number]

    def content(self, number: int) -> Content | None:
        """Return what the exchange with this number carried, if that is kept."""
        with self._lock:
            return self._kept.get(number, (None, None))[1]

    def add_events(self, number: int, events: Sequence[ServerSentEvent]) -> None:
        """Note the events of a stream that went on when its exchange was recorded."""
        with self._lock:
            exchange, content = self._kept.get(number, (None, None))
            if exchange is not None and content is not None:
                self._kept[number] = exchange, replace(content, events=_bounded(events))

    def _append(self, exchange: Exchange, content: Content | None) -> None:
        self._kept[exchange.number] = exchange, content if self._complete else None
        if len(self._kept) > MAX_EXCHANGES:
            self._kept.popitem(last=False)

    def keep(self, exchange: Exchange) -> int:
        """Take in an exchange from elsewhere without its credentials; returns its number."""
        clean = self.redactor
        body = exchange.request_body
        with self._lock:
            self._count += 1
            self._append(
                replace(
                    exchange,
                    number=self._count,
                    at=self._start_of(exchange.seconds),
                    url=clean.text(exchange.url),
                    request_headers=clean.request_headers(exchange.request_headers),
                    request_body=None if body is None else self._shown(body, len(body)),
                    response_headers=clean.headers(exchange.response_headers),
                    response_body=self._shown(exchange.response_body, len(exchange.response_body)),
                    note=clean.text(exchange.note),
                    shell_command=clean.text(exchange.shell_command),
                    curl_options=self.curl_options,
                ),
                _content((body or "").encode(), exchange.response_body.encode()),
            )
            return self._count

    def record(
        self,
        request: httpx2.Request,
        response: httpx2.Response | None,
        body: bytes,
        seconds: float,
        note: str = "",
        events: Sequence[ServerSentEvent] = (),
    ) -> int:
        """Keep an exchange without its credentials; return its number, from 1.

        `body` has the bytes read of the response; None if no response came.
        """
        clean = self.redactor
        with self._lock:
            self._count += 1
            self._append(
                Exchange(
                    number=self._count,
                    at=self._start_of(seconds),
                    method=request.method,
                    url=clean.text(str(request.url)),
                    request_headers=clean.request_headers(request.headers),
                    request_body=self._text(request.content) if request.content else None,
                    status=None if response is None else response.status_code,
                    response_headers={} if response is None else clean.headers(response.headers),
                    response_body=self._text(body),
                    seconds=round(seconds, 4),
                    note=clean.text(note),
                    curl_options=self.curl_options,
                ),
                _content(request.content, body, events),
            )
            return self._count

    def _start_of(self, seconds: float) -> float:
        """Return when an exchange began that took so long and is over now."""
        return round(max(0.0, time.monotonic() - self._started - seconds), 4)

    def _text(self, body: bytes) -> str:
        limit = self._limit
        return self._shown(body[:limit].decode("utf-8", "replace"), len(body))

    def _shown(self, text: str, size: int) -> str:
        """As much as a report has of it; it is cut after secrets are replaced, never within one."""
        limit = self._limit
        clean = self.redactor.text(text[:limit])
        if size < limit and len(clean) <= MAX_BODY_SHOWN:
            return clean
        if size >= limit:
            clean = clean[: -self.redactor.longest or None]
        return f"{clean[:MAX_BODY_SHOWN]} [of {size} bytes]"

    @property
    def _limit(self) -> int:
        """How much of a text is looked at."""
        return MAX_BODY_SHOWN * 4 + self.redactor.longest


def _content(request: bytes, response: bytes, events: Sequence[ServerSentEvent] = ()) -> Content:
    kept = request[:MAX_BODY_KEPT], response[:MAX_BODY_KEPT]
    return Content(*kept, len(response), _bounded(events))


def _bounded(events: Sequence[ServerSentEvent]) -> tuple[ServerSentEvent, ...]:
    """Return the first events, as many as are kept."""
    sizes = itertools.accumulate(len(event.data) for event in events)
    pairs = zip(events[:MAX_EVENTS_KEPT], sizes, strict=False)
    return tuple(event for event, size in pairs if size <= MAX_EVENT_DATA_KEPT)


def _quoted(word: str) -> str:
    # The variable of a credential must survive the quoting, or the command could not be pasted.
    return f'"{word}"' if _VARIABLE.search(word) else shlex.quote(word)
