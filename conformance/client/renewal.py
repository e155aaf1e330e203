"""Renew credentials that expire: before their time is up, and when the service rejects one that it
had accepted. Requests that carry an earlier secret are sent with the current one."""

from __future__ import annotations

import base64
import calendar
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.client.credentials import Credential

_UNAUTHENTICATED = 401
_KEYS = ("access_token", "token", "id_token")
# Renewed when this part of its lifetime is left, and at most so many seconds before the end.
_MARGIN, _MAX_MARGIN = 0.2, 30.0
_SECRET = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Issued:
    """A secret, and the seconds that it lasts from now; None if that is unknown."""

    secret: str = field(repr=False)
    lifetime: float | None = None


def read_issued(text: str) -> Issued | None:
    """Return the secret in the output of a command: itself, or JSON with `access_token` or `token`
    and perhaps `expires_in`. None if there is none, or it is not printable ASCII without spaces."""
    secret, lifetime = text.strip(), None
    try:
        data = json.loads(secret)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        secret = next((data[key] for key in _KEYS if isinstance(data.get(key), str)), "")
        lifetime = _number(data.get("expires_in"))
    if not _SECRET.fullmatch(secret):
        return None
    return Issued(secret, _lifetime_of(secret) if lifetime is None else lifetime)


def _lifetime_of(secret: str) -> float | None:
    """Return the seconds that a JWT lasts by its own account."""
    parts = secret.split(".")
    if len(parts) != 3:
        return None  # A JWT has a header, the claims and a signature.
    try:
        claims = json.loads(base64.urlsafe_b64decode(f"{parts[1]}==="))
    except (ValueError, RecursionError):
        return None
    if not isinstance(claims, dict) or (expires := _number(claims.get("exp"))) is None:
        return None
    # The issuer's clock may differ from this one.
    issued = _number(claims.get("iat"))
    return expires - (float(calendar.timegm(time.gmtime())) if issued is None else issued)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None


class Renewal:
    """One credential that is renewed. `issue` returns a new secret, or None if that fails;
    `on_issued` is called with each new secret before it is used."""

    def __init__(
        self,
        first: Issued,
        issue: Callable[[], Issued | None],
        on_issued: Callable[[str], None] = lambda secret: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issue = issue
        self._on_issued = on_issued
        self._now = now
        self._secrets = [first.secret]
        self._renew_at = self._due(first)
        self._accepted: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @property
    def current(self) -> str:
        """The secret in use."""
        return self._secrets[-1]

    def replace(self, value: str) -> str:
        """Return the value of a header with the current secret, if it presents an earlier one."""
        before, secret = _split(value)
        if secret not in self._secrets:
            return value
        if self._now() >= self._renew_at:
            self._renew(self.current)
        return before + self.current

    def accepted(self, name: str, value: str) -> None:
        """Note that a request with this header succeeded."""
        before, secret = _split(value)
        if secret == self.current:
            self._accepted.add((name.lower(), before))

    def rejected(self, name: str, value: str) -> bool:
        """Whether the request should be sent again, after a 401 to this header: the service had
        accepted the credential in this form, and another secret is in use now."""
        before, secret = _split(value)
        if secret not in self._secrets or (name.lower(), before) not in self._accepted:
            return False
        return self._renew(secret)

    def _renew(self, old: str) -> bool:
        with self._lock:
            if old != self.current:
                return True
            issued = self._issue()
            if issued is None or issued.secret in self._secrets:
                # It would be rejected again, and again.
                self._renew_at = float("inf")
                self._accepted.clear()
                return False
            self._on_issued(issued.secret)
            self._secrets.append(issued.secret)
            self._renew_at = self._due(issued)
            return True

    def _due(self, issued: Issued) -> float:
        if issued.lifetime is None:
            return float("inf")
        return self._now() + issued.lifetime - min(_MAX_MARGIN, _MARGIN * issued.lifetime)


@dataclass(slots=True)
class Renewals:
    """All credentials of a run that are renewed."""

    each: Sequence[Renewal] = ()

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with current secrets."""
        found = dict(headers)
        for renewal in self.each:
            found = {name: renewal.replace(value) for name, value in found.items()}
        return found

    def renewed(self, credential: Credential) -> Credential:
        """Return the credential with the current secret."""
        return Credential(credential.scheme, self.current(credential.secret))

    def current(self, secret: str) -> str:
        """Return the secret that is in use instead of this one."""
        for renewal in self.each:
            secret = renewal.replace(secret)
        return secret

    def retries(self, headers: Mapping[str, str], status: int) -> bool:
        """Whether a request with these headers should be sent again with a new secret."""
        if not self.each:
            return False
        if status != _UNAUTHENTICATED:
            for renewal in self.each if 200 <= status < 300 else ():
                for name, value in headers.items():
                    renewal.accepted(name, value)
            return False
        return any(
            renewal.rejected(name, value)
            for renewal in self.each
            for name, value in headers.items()
        )


def _split(value: str) -> tuple[str, str]:
    """Return what stands before the secret in the value of a header, and the secret."""
    for before in ("Bearer ", "vai_token="):
        if value.startswith(before):
            return before, value.removeprefix(before)
    return "", value
