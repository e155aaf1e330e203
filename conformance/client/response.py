"""Hold one complete response, and read its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.client import json_text
from conformance.errors import CheckFailed


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type without parameters, in lower case; header names are in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response, its header names in lower case; `exchange` is its number."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    exchange: int

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return media_type(self.headers)

    @property
    def summary(self) -> str:
        """The request and its status code, for messages."""
        return f"{self.method} {self.url} returned {self.status}"

    def json(self) -> Any:
        """Return the body as JSON. Raise CheckFailed if it is not JSON."""
        try:
            return json_text.loads(self.body.decode("utf-8"))
        except (UnicodeDecodeError, ValueError, RecursionError) as fault:
            raise CheckFailed(
                f"{self.summary} with a body that is not JSON in UTF-8: {fault}",
                exchange=self.exchange,
            ) from None

    def object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raise CheckFailed if it is not one."""
        value = self.json()
        if not isinstance(value, dict):
            raise CheckFailed(
                f"{self.summary} with {type(value).__name__} instead of an object",
                exchange=self.exchange,
            )
        return value
