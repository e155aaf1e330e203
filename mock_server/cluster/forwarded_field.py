"""The header field that makes a request a forwarded one."""

from functools import lru_cache

FORWARDED = b"x-mock-forwarded"
"""The first header field of a forwarded request: the secret, client, server, scheme, and why it was
sent to this process."""

KNOWN, ASSUMED, ASKED = b"known", b"assumed", b"asked"
"""Why: the owner is known, or assumed; or the peer itself asks, and not for one client."""

WHY = "mock_server.cluster.why"
"""The key in the extensions of a scope that says why."""

Address = tuple[str, int | None]
_NONE: Address = ("-", 0)


@lru_cache(maxsize=1_024)  # Connections of clients.
def write(
    secret: bytes, client: Address | None, server: Address | None, scheme: str, why: bytes
) -> bytes:
    """Return the line of the field."""
    ends = [b"%b %d" % (one[0].encode(), one[1] or 0) for one in (client or _NONE, server or _NONE)]
    return b"%b: %b %b %b %b\r\n" % (FORWARDED, secret, b" ".join(ends), scheme.encode(), why)


@lru_cache(maxsize=1_024)
def read(mark: bytes) -> tuple[Address | None, Address | None, str, bytes] | None:
    """Return what follows the secret in the field of a peer: the client, server, scheme, and why.
    None for a field in another form."""
    try:
        client, client_port, server, server_port, scheme, why = mark.split(b" ")
        return (
            None if client == b"-" else (client.decode(), int(client_port)),
            None if server == b"-" else (server.decode(), int(server_port)),
            scheme.decode(),
            why,
        )
    except ValueError:
        return None
