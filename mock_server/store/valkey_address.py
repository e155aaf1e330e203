"""The address of a database in Valkey or Redis, as ``--store`` takes it."""

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from mock_server.errors import UsageError

SCHEMES = {"valkey": "redis", "valkeys": "rediss", "redis": "redis", "rediss": "rediss"}
"""The schemes, and those of the library; the ones with an s at the end mean TLS."""

_OPTIONS = ("prefix", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
"""What can follow the address; the library knows all but the first."""


class Address(NamedTuple):
    """The ``prefix`` of the keys, empty for the usual one; the URL for the library; and ``label``,
    which is without the password."""

    prefix: str
    url: str
    label: str


def parse(location: str) -> Address:
    """Return the parts of an address. Raise UsageError for one that is not understood."""
    address = _split(location)
    if address is None:
        raise UsageError(
            "--store: expected an address such as valkey://localhost:6379/0, got "
            f"{redacted(location)!r}. Correct it"
        )
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    unknown = [key for key in query if key not in _OPTIONS]
    if unknown:
        got = unknown[0].rpartition("@")[2]  # Before it may be the end of a password.
        raise UsageError(
            f"--store: expected {', '.join(_OPTIONS)} after the ?, got {got!r}. Remove it"
        )
    prefix = query.pop("prefix", "")
    scheme = SCHEMES[address.scheme]
    if query and scheme == "redis":
        raise UsageError(
            f"--store: expected {address.scheme}s:// before an address with {next(iter(query))}, "
            f"got {address.scheme}://. Correct it"
        )
    url = address._replace(scheme=scheme, query=urlencode(query)).geturl()
    host = address.netloc.rpartition("@")[2]
    return Address(prefix, url, f"{address.scheme}://{host}{address.path}")


def is_server(location: str) -> bool:
    """Return whether ``location`` names a server, and not another kind of store."""
    return location.partition("://")[0].lower() in SCHEMES and "://" in location


def redacted(location: str) -> str:
    """Return ``location`` without what may be a password: up to the last ``@`` in it."""
    scheme, separator, rest = location.partition("://")
    before, at, host = rest.rpartition("@")
    return f"{scheme}{separator}***@{host}" if separator and at and before else location


def _split(location: str) -> SplitResult | None:
    try:
        address = urlsplit(location)
        known = address.scheme in SCHEMES and bool(address.hostname) and address.port != 0
    except ValueError:
        return None
    database = address.path.removeprefix("/")
    valid = known and not address.fragment and (not database or _is_number(database))
    return address if valid else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
