"""The address under which the client of a request sees the mock, for links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[bytes, bytes]]

PUBLIC = "mock_server.public_address"
"""The key of the address in an ASGI scope."""

PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)
"""The path of a proxy under which it serves the mock."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """What a proxy has changed: the scheme, the host (None for that of the request), the prefix."""

    scheme: str = "http"
    host: str | None = None
    prefix: str = ""

    def base_url(self, headers: Headers, server: tuple[str, int] | None) -> str:
        """Return the base URL of the mock, without a trailing slash.

        ``server`` is the address of the connection, for a request of HTTP/1.0 without ``Host``.
        """
        host = self.host or next((v.decode("latin-1") for k, v in headers if k == b"host"), "")
        if not host and server is not None:
            name, port = server
            host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        return f"{self.scheme}://{host}{self.prefix}"


DIRECT = PublicAddress()
"""The address without a proxy."""
