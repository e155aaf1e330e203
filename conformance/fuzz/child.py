"""Let the process of Schemathesis behave like the kit: it reads bodies up to a limit, sends a
request again when its credential was renewed, and ends when the kit has ended, for any reason."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import requests

from conformance.fuzz.credential_file import CredentialFile
from conformance.fuzz.schema import TOO_LARGE

MAX_BODY = 32 * 1024 * 1024
_MAX_ALL_BODIES = 128 * 1024 * 1024
_MAX_LATER_BODY = 1024 * 1024
_PORTION = 64 * 1024
_POLL = 0.5
_UNAUTHENTICATED = 401


class Bodies:
    """Counts bytes as they are decompressed. Schemathesis keeps every body: once they are large
    together, each may be smaller."""

    def __init__(self) -> None:
        self._total = 0

    def limit(self) -> int:
        """Return the limit of the next body in bytes."""
        return MAX_BODY if self._total < _MAX_ALL_BODIES else _MAX_LATER_BODY

    def read(self, response: requests.Response) -> bytes:
        """Return the body, or `TOO_LARGE` for one that exceeds the limit; its connection is closed
        then."""
        portions: list[bytes] = []
        size, limit = 0, self.limit()
        for portion in _portions(response):
            portions.append(portion)
            size += len(portion)
            if size > limit:
                response.close()
                return TOO_LARGE.encode()
        self._total += size
        return b"".join(portions)


def _portions(response: requests.Response) -> Iterator[bytes]:
    yield from response.iter_content(_PORTION)


def bound_bodies() -> None:
    """Let every response of this process read its body within the limits."""
    bodies = Bodies()
    plain: Any = requests.Response.content

    def content(self: requests.Response) -> Any:
        if self._content is False and not self._content_consumed and self.raw is not None:
            self._content = bodies.read(self)
            self._content_consumed = True
        return plain.fget(self)

    requests.Response.content = property(content)  # type: ignore[assignment]


def renew_credentials(file: CredentialFile) -> None:
    """Let every request of this process that gets a 401 be sent once more if its credential has
    expired."""
    plain = requests.Session.send

    def send(
        self: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        response = plain(self, request, **options)
        if response.status_code != _UNAUTHENTICATED:
            return response
        if (headers := file.renewed(_sent(request))) is None:
            return response
        response.close()
        request.headers.update(headers)
        return plain(self, request, **options)

    requests.Session.send = send  # type: ignore[method-assign]


def _sent(request: requests.PreparedRequest) -> dict[str, str]:
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }


def end_with_parent() -> None:
    """End this process soon after its parent has."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
