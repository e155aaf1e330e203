"""An OAuth token endpoint for client credentials, and a service in front of the mock that accepts
only the tokens that are still valid."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from mutating_proxy import Forward, Json, Request, Response

CLIENT = {"ci-client": "ci-client-Secret-1"}


@dataclass(slots=True)
class TokenServer:
    """Issues tokens; `url` is the endpoint. A token is valid until the next is issued, or for
    `uses` requests."""

    url: str
    uses: int
    issued: list[str] = field(default_factory=list)
    used: int = 0
    rejected: int = 0

    def issue(self) -> str:
        """Return a new token, which replaces the one before."""
        self.issued.append(f"issued-token-{len(self.issued)}-Zx8Qv2")
        self.used = 0
        return self.issued[-1]

    async def guard(self, request: Request, forward: Forward, memory: Json) -> Response:
        """Accept the valid token and no other; the mock knows the tenant by its own name."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.issued or given != self.issued[-1] or self.used >= self.uses:
            self.rejected += given in self.issued
            return Response(401, {"www-authenticate": "Bearer"}).put({"detail": "Expired"})
        self.used += 1
        request.headers["authorization"] = "Bearer test-oauth"
        return await forward(request)


@contextmanager
def serving_tokens(uses: int) -> Iterator[TokenServer]:
    """Serve the endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            basic = self.headers.get("Authorization", "").removeprefix("Basic ")
            name, _, secret = base64.b64decode(basic).decode().partition(":")
            fine = CLIENT.get(name) == secret and form["grant_type"] == ["client_credentials"]
            body = {"access_token": server.issue(), "expires_in": 3600} if fine else {}
            data = json.dumps(body | {"token_type": "Bearer"}).encode()
            self.send_response(200 if fine else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = TokenServer(f"http://127.0.0.1:{http.server_address[1]}/oauth/token", uses)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            http.shutdown()
