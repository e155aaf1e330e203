"""What the mock is started with."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from mock_server import resources
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.enums import Operation
from mock_server.errors import UsageError
from mock_server.faults.rules import Rule

MAX_STREAMS = 20_000
MAX_FEEDS = 64
SPARE_CONNECTIONS = 64 + MAX_FEEDS
"""Connections that may be open in addition to all event streams."""

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::\d{1,5})?")
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the control API: clients that send ``token``, or, where that is None, clients on
    this machine that address it by a local name or by one of ``hosts``.

    The API of the contract has no token; it accepts those names, private ones and addresses, and
    with ``any_host`` every name. Raise UsageError for a token that no header can carry and for an
    invalid host name.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    any_host: bool = False

    def __post_init__(self) -> None:
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError(
                "the control token must be one word of visible ASCII characters: "
                "it is sent in a header"
            )
        for host in self.hosts:
            if host_of(host) != host:
                raise UsageError(
                    f"{host!r} is not a host name; write it in lower case, without scheme and port"
                )


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of connections; times are real seconds.

    ``head_bytes`` and ``header_count`` are those of one request, ``head_seconds`` and
    ``body_seconds`` the time until its head and its body are complete, ``idle_seconds`` the time
    without a request, ``pipelined`` the requests that are read while a response is being sent,
    ``connections`` the open connections.
    """

    head_bytes: int = 65_536
    header_count: int = 200
    head_seconds: float = 10
    body_seconds: float = 60
    idle_seconds: int = 60
    pipelined: int = 64
    connections: int = MAX_STREAMS + SPARE_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Fallback:
    """A real backend at ``url`` that responds to requests for runs that a world does not have, to
    those of ``operations``, and to those for runs whose id matches one of ``runs``."""

    url: str
    operations: frozenset[Operation] = frozenset()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """The settings of one mock.

    ``now`` is an instant, None for the machine's time of day; ``scale`` how many world seconds pass
    in a real one, 0 for frozen; ``scenarios`` a directory with additional scenarios; ``start`` the
    name of a file in ``starts`` or of one of ``more_starts``, with which every world opens;
    ``rules`` are the faults that every
    new world has. ``accept_any_token`` is the world of a credential that names none,
    ``world_claim`` the claim of a JWT that names one. ``cors_origins`` may call the API, in
    addition to the pages of this machine. ``root_path`` is the path under which a proxy serves the
    mock, ``trusted_proxies`` are networks, in addition to this machine's. ``store`` is where worlds
    are kept, ``fsync`` when what is written to a directory has to be on the disk, ``advertise`` the
    URL of this mock for other mocks that use the store.
    """

    seed: int = 1
    scale: float = 1.0
    now: int | None = None
    start: str = "demo"
    declared: tuple[str, ...] = ("demo", "acme", "globex")
    max_worlds: int = 256
    max_streams: int = MAX_STREAMS
    scenarios: Path | None = None
    starts: Path = field(default_factory=resources.worlds_dir)
    more_starts: tuple[Path, ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    faults: Path = field(default_factory=resources.faults_dir)
    access: Access = field(default_factory=Access)
    cors_origins: tuple[str, ...] = ()
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    accept_any_token: str | None = None
    world_claim: str | None = None
    rules: tuple[Rule, ...] = ()
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    store: str = "memory"
    fsync: str = "everysec"
    advertise: str | None = None
    fallback: Fallback | None = None


@lru_cache(maxsize=64)  # Those of a few clients; a hostile one can send long texts.
def host_of(authority: str) -> str | None:
    """Return the host of ``host:port`` in lower case; None for an invalid one."""
    match = _AUTHORITY.fullmatch(authority.lower())
    return match[1] if match else None


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Return whether a host is ``localhost`` or a loopback address."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
