"""The header fields of a request as they are sent to a peer."""

from typing import NamedTuple

from mock_server.journal.exchange import Headers


class SentFields(NamedTuple):
    """The header fields of a request, which a client that polls sends again."""

    headers: Headers
    fields: bytes
    chunked: bool

    @classmethod
    def of(cls, headers: Headers) -> "SentFields":
        """Return what is sent of those fields, up to the body."""
        fields = b"\r\n".join([*[b": ".join(field) for field in headers], b"\r\n"])
        return cls(headers, fields, b"\ntransfer-encoding:" in b"\n" + fields)
