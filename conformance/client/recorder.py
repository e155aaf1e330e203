"""Record requests and responses: bounded, without credentials, and each entry a `curl`
away from being seen again."""

from __future__ import annotations

import json
import shlex
import threading
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import httpx2

from conformance.client.redaction import Redactor

MAX_EXCHANGES = 400
MAX_BODY_SHOWN = 4_000
_DEFAULT_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back; `status` is None if nothing did, `note` then says why.
    `shell_command` is the command for a request that curl would not send."""

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

    @property
    def curl(self) -> str:
        """A command that sends the same request, the credential in a shell variable."""
        if self.shell_command:
            return self.shell_command
        words = ["curl", "-i", "-N"] if self.url.endswith("/events") else ["curl", "-i"]
        if self.method != "GET":
            words += ["-X", self.method]
        for name, value in self.request_headers.items():
            if name.lower() not in _DEFAULT_HEADERS:
                words += ["-H", f"{name}: {value}"]
        if self.request_body is not None:
            words += ["--data-binary", self.request_body]
        return " ".join(_quoted(word) for word in [*words, self.url])

    def to_json(self) -> dict[str, Any]:
        """The exchange as the report has it."""
        return {k: v for k, v in asdict(self).items() if k != "shell_command"} | {"curl": self.curl}


class Traffic:
    """The newest exchanges; safe to record from several threads."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._kept: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many exchanges there have been."""
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
                    request_headers=clean.headers(exchange.request_headers),
                    request_body=None if body is None else self._shown(body, len(body)),
                    response_headers=clean.headers(exchange.response_headers),
                    response_body=self._shown(exchange.response_body, len(exchange.response_body)),
                    note=clean.text(exchange.note),
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
        """Keep an exchange without its credentials; returns its number, from 1.

        `body` is what was read of the response, which may be None: nothing came.
        """
        clean = self.redactor
        with self._lock:
            self._count += 1
            self._kept.append(
                Exchange(
                    number=self._count,
                    method=request.method,
                    url=clean.text(str(request.url)),
                    request_headers=clean.headers(request.headers),
                    request_body=self._text(request.content) if request.content else None,
                    status=None if response is None else response.status_code,
                    response_headers={} if response is None else clean.headers(response.headers),
                    response_body=self._text(body),
                    seconds=round(seconds, 4),
                    note=clean.text(note),
                )
            )
            return self._count

    def clean(self, data: dict[str, Any]) -> dict[str, Any]:
        """JSON from elsewhere without the credentials that may be in it."""
        cleaned: dict[str, Any] = json.loads(self.redactor.text(json.dumps(data)))
        return cleaned

    def _text(self, body: bytes) -> str:
        kept = body[: MAX_BODY_SHOWN * 4].decode("utf-8", "replace")
        return self._shown(kept, len(body), complete=len(body) <= MAX_BODY_SHOWN * 4)

    def _shown(self, text: str, size: int, *, complete: bool = True) -> str:
        """As much as a report has of it; what is cut is cut behind the secrets, never within."""
        clean = self.redactor.text(text)
        if not complete:
            clean = clean[: -self.redactor.longest or None]
        if complete and len(clean) <= MAX_BODY_SHOWN:
            return clean
        return f"{clean[:MAX_BODY_SHOWN]} [of {size} bytes]"


def _quoted(word: str) -> str:
    # A variable must survive the quoting, or the command could not be pasted.
    return f'"{word}"' if "$" in word and not set(word) & set('"`\\') else shlex.quote(word)
