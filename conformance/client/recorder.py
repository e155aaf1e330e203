"""Record requests and responses: bounded, without credentials, and each entry a `curl`
away from being seen again."""

from __future__ import annotations

import re
import shlex
import threading
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import httpx2

from conformance.redaction import Redactor

MAX_EXCHANGES = 400
MAX_BODY_SHOWN = 4_000
_DEFAULT_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
)
# Nothing in the word but a variable means anything to a shell within double quotes.
_VARIABLE = re.compile(r"^[^\"`\\$]*\$[A-Z][A-Z0-9_]*[^\"`\\$]*$")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response; `status` is None if none came, `note` then says why.
    `shell_command` is the command for a request that curl would not send, `curl_options` are the
    options for TLS and a proxy."""

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
        shown = {
            k: v for k, v in asdict(self).items() if k not in ("shell_command", "curl_options")
        }
        return shown | {"curl": self.curl}


class Traffic:
    """The newest exchanges; safe to record from several threads. `curl_options` are the options
    that a command needs to reach the target; exchanges are numbered after `first`."""

    def __init__(
        self, redactor: Redactor, curl_options: tuple[str, ...] = (), first: int = 0
    ) -> None:
        self.redactor = redactor
        self.curl_options = tuple(map(redactor.text, curl_options))
        self._kept: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self._lock = threading.Lock()
        self._count = first

    @property
    def count(self) -> int:
        """The number of the newest exchange."""
        return self._count

    def since(self, number: int) -> list[Exchange]:
        """The kept exchanges with a number greater than this."""
        with self._lock:
            return [e for e in self._kept if e.number > number]

    def keep(self, exchange: Exchange) -> int:
        """Take in an exchange from elsewhere without its credentials; returns its number."""
        clean = self.redactor
        body = exchange.request_body
        with self._lock:
            self._count += 1
            self._kept.append(
                replace(
                    exchange,
                    number=self._count,
                    url=clean.text(exchange.url),
                    request_headers=clean.request_headers(exchange.request_headers),
                    request_body=None if body is None else self._shown(body, len(body)),
                    response_headers=clean.headers(exchange.response_headers),
                    response_body=self._shown(exchange.response_body, len(exchange.response_body)),
                    note=clean.text(exchange.note),
                    shell_command=clean.text(exchange.shell_command),
                    curl_options=self.curl_options,
                )
            )
            return self._count

    def record(
        self,
        request: httpx2.Request,
        response: httpx2.Response | None,
        body: bytes,
        seconds: float,
        note: str = "",
    ) -> int:
        """Keep an exchange without its credentials; return its number, from 1.

        `body` has the bytes read of the response; None if no response came.
        """
        clean = self.redactor
        with self._lock:
            self._count += 1
            self._kept.append(
                Exchange(
                    number=self._count,
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
                )
            )
            return self._count

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


def _quoted(word: str) -> str:
    # The variable of a credential must survive the quoting, or the command could not be pasted.
    return f'"{word}"' if _VARIABLE.search(word) else shlex.quote(word)
