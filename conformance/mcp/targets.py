"""Decide which APIs an agent may test, and with which settings and credentials.

An agent names URLs that it has read somewhere. So the kit tests what the user has named and what is
on this host, and a configured credential is sent to the configured URL only. A run against another
URL begins without configuration and environment of the user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from conformance.config.sources import ENVIRONMENT
from conformance.errors import ConfigurationError

# Stricter than RFC 3986: a text that two parsers might read in two ways is not accepted.
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~-]+)*/?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a run begins with: options by key, and the environment; `isolated` runs see no file of
    the working directory."""

    options: Mapping[str, Any]
    environment: Mapping[str, str]
    isolated: bool


@dataclass(frozen=True, slots=True)
class Targets:
    """The configured URL, empty if there is none, its configuration file, and the URLs that the
    user allows besides."""

    base_url: str
    config: str
    allowed: tuple[str, ...]

    def choose(self, url: str | None, token: str | None, other_token: str | None) -> Target:
        """Return what a run against the URL begins with. Raise ConfigurationError if the agent may
        not test it, or a credential is missing."""
        wanted = self.base_url if url is None else url.rstrip("/")
        if not wanted:
            raise ConfigurationError(
                "baseUrl: expected a URL, got none.",
                "Give one of this host with a token, or let the user start this server with "
                "--base-url.",
            )
        if wanted == self.base_url and token is None and other_token is None:
            options = {"config": self.config} if self.config else {}
            return Target(options | {"base_url": wanted}, dict(os.environ), isolated=False)
        self._check(wanted)
        if token is None:
            raise ConfigurationError(
                "token: expected a credential, got none.",
                "The configured one is sent to the configured URL only. Give one that is not "
                "secret, such as the world of a mock.",
            )
        options = {"base_url": wanted, "token": token}
        if other_token is not None:
            options["other_token"] = other_token
        return Target(options, _without_settings(os.environ), isolated=True)

    def _check(self, url: str) -> None:
        known = [*filter(None, (self.base_url,)), *self.allowed]
        if _URL.fullmatch(url) and (url in known or _is_loopback(url)):
            return
        listed = ", ".join(["http://127.0.0.1:PORT", *known])
        raise ConfigurationError(
            f"baseUrl: expected one of {listed}, got {url[:100]!r}.",
            "The user can allow another URL with --allow-url.",
        )


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.port != 0 and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of the kit, credentials among them."""
    return {k: v for k, v in environment.items() if not k.upper().startswith(ENVIRONMENT)}
