"""Translate addresses between the client, which knows the proxy, and the target: in the header
fields that name a host, and in no others. All other bytes of a head stay as they are."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from conformance.proxy.framing import Head

_REQUEST_URLS = (b"origin", b"referer")
_RESPONSE_URLS = (b"location", b"content-location", b"access-control-allow-origin")
_LOCAL = (".localhost", ".test", ".internal", ".local")
_NAME = re.compile(rb"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DOMAIN = re.compile(rb"(?i);[ \t]*domain=\.?([^;]*)")


@dataclass(frozen=True, slots=True)
class Target:
    """The address of the target. `keep_host`: send the Host of the client; `any_host`: the proxy
    may have any name, since other machines use it."""

    scheme: str
    host: str
    port: int
    path: str = ""
    keep_host: bool = False
    any_host: bool = False

    @classmethod
    def of(cls, url: str, *, keep_host: bool = False, any_host: bool = False) -> Target:
        """Return the target at a checked URL."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        path = parts.path.rstrip("/")
        return cls(parts.scheme, parts.hostname or "", port, path, keep_host, any_host)

    def stands_for(self, host: bytes) -> bool:
        """Whether this Host of a client names the proxy, so that it is translated. A name that
        another site may own is left for the target to reject: its page may have been bound to this
        address."""
        if self.keep_host:
            return False
        name = host.decode("latin-1").lower().rpartition("]")[0].lstrip("[")
        name = name or host.decode("latin-1").lower().partition(":")[0]
        return self.any_host or _is_local(name)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken to it."""
        return self.scheme == "https"

    @property
    def netloc(self) -> str:
        """The host, and the port if it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin, as browsers spell it."""
        return f"{self.scheme}://{self.netloc}"


def _is_local(name: str) -> bool:
    if "." not in name or name.endswith(_LOCAL):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def to_target(head: Head, target: Target, client: str) -> bytes:
    """Return the head of a request for the target; `client` is the address that it comes from."""
    hosts = head.values(b"host")
    here = b"http://" + (hosts[0] if hosts else b"")
    translated = bool(hosts) and target.stands_for(hosts[0])
    there = target.origin.encode()
    first, *lines = head.raw.splitlines(keepends=True)
    while not first.strip(b"\r\n") and lines:
        first, *lines = lines
    edited = [_request_line(first, head, target, here)]
    forwarded = b""
    for line in lines:
        found = _field(line)
        name = found.name.lower() if found else b""
        if found is None:
            edited.append(line)
        elif name == b"host" and translated:
            edited.append(found.name + found.before + target.netloc.encode() + found.after)
        elif name in _REQUEST_URLS and translated:
            edited.append(
                found.name + found.before + _moved(found.value, here, there) + found.after
            )
        elif name == b"x-forwarded-for":
            forwarded += found.value + b", "
        else:
            edited.append(line)
    end = edited.pop()
    edited.append(b"X-Forwarded-For: " + forwarded + client.encode() + end)
    if not head.values(b"x-forwarded-host") and hosts:
        edited.append(b"X-Forwarded-Host: " + hosts[0] + end)
    if not head.values(b"x-forwarded-proto"):
        edited.append(b"X-Forwarded-Proto: http" + end)
    return b"".join([*edited, end])


def to_client(head: Head, target: Target, host: bytes) -> bytes:
    """Return the head of a response for the client, which sent this Host."""
    if not host or not target.stands_for(host):
        return head.raw
    here, there = b"http://" + host, target.origin.encode()
    edited = []
    for line in head.raw.splitlines(keepends=True):
        found = _field(line)
        name = found.name.lower() if found else b""
        if found is not None and name in _RESPONSE_URLS:
            value = _moved(found.value, there, here)
            if target.path and name != b"access-control-allow-origin":
                value = _without_path(value, here, target.path.encode())
            edited.append(found.name + found.before + value + found.after)
        elif found is not None and name == b"set-cookie":
            value = _DOMAIN.sub(lambda each: _domain(each, target), found.value)
            edited.append(found.name + found.before + value + found.after)
        else:
            edited.append(line)
    return b"".join(edited)


class _Field(NamedTuple):
    """A line of a header field; its parts are all of it."""

    name: bytes
    before: bytes
    value: bytes
    after: bytes


def _field(line: bytes) -> _Field | None:
    """Return the parts of the line; None if it is malformed. A pattern for them would take the
    square of its length where a value has many blanks."""
    name, colon, rest = line.partition(b":")
    if not rest.endswith(b"\n") or not _NAME.fullmatch(name):
        return None
    value = rest.strip(b" \t\r\n")
    start = len(rest) - len(rest.lstrip(b" \t")) if value else 0
    return _Field(name, colon + rest[:start], value, rest[start + len(value) :])


def _request_line(first: bytes, head: Head, target: Target, here: bytes) -> bytes:
    """Return the request line with the path below that of the target."""
    wanted = head.target
    if wanted.startswith(here + b"/"):
        wanted = wanted[len(here) :]
        first = first.replace(head.target, wanted, 1)
    if target.path and wanted.startswith(b"/"):
        first = first.replace(b" " + wanted, b" " + target.path.encode() + wanted, 1)
    return first


def _moved(value: bytes, old: bytes, new: bytes) -> bytes:
    """Return the URL with another origin, if it has the old one."""
    if value.lower() == old.lower():
        return new
    if value[: len(old)].lower() == old.lower() and value[len(old) : len(old) + 1] in b"/?#":
        return new + value[len(old) :]
    return value


def _without_path(value: bytes, here: bytes, path: bytes) -> bytes:
    """Return the URL, absolute or a path, as it is below the proxy."""
    start = here if value.startswith(here) else b""
    rest = value[len(start) :]
    if rest == path or rest.startswith((path + b"/", path + b"?")):
        return start + (rest[len(path) :] or b"/")
    return value


def _domain(found: re.Match[bytes], target: Target) -> bytes:
    """Drop the domain of the target, which a browser would not accept from the proxy."""
    domain = found[1].strip().lower().decode("latin-1")
    own = target.host.lower() == domain or target.host.lower().endswith(f".{domain}")
    return b"" if own else found[0]
