"""The header field that makes a request a forwarded one."""

from functools import lru_cache

FORWARDED = b"x-mock-forwarded"
"""The first header field of a forwarded request: the secret, client, server, scheme, and whether
its owner is known or assumed."""

ASSUMED = "mock_server.cluster.assumed"
"""The key in the extensions of a scope that says whether the owner was assumed."""

Address = tuple[str, int | None]
_NONE: Address = ("-", 0)


@lru_cache(maxsize=1_024)  # Connections of clients.
def write(
    secret: bytes, client: Address | None, server: Address | None, scheme: str, assumed: bool
) -> bytes:
    """Return the line of the field."""
    ends = [b"%b %d" % (one[0].encode(), one[1] or 0) for one in (client or _NONE, server or _NONE)]
    owner = b"assumed" if assumed else b"known"
    return b"%b: %b %b %b %b\r\n" % (FORWARDED, secret, b" ".join(ends), scheme.encode(), owner)


@lru_cache(maxsize=1_024)
def read(mark: bytes) -> tuple[Address | None, Address | None, str, bool] | None:
    """Return what follows the secret in the field of a peer: the client, server, scheme, and
    whether the owner is assumed. None for a field in another form."""
    try:
        client, client_port, server, server_port, scheme, owner = mark.split(b" ")
        return (
            None if client == b"-" else (client.decode(), int(client_port)),
            None if server == b"-" else (server.decode(), int(server_port)),
            scheme.decode(),
            owner == b"assumed",
        )
    except ValueError:
        return None
