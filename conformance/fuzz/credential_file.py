"""Give the credential's headers to the process of Schemathesis, and renew them while it runs: the
kit writes them to a file, and the process asks for others by a second file."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_POLL = 0.02
# Seconds within which the kit renews a credential, command and all.
_MAX_WAIT = 30.0
Headers = dict[str, str]


class CredentialFile:
    """Both files, in a directory that no other user can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rejected = path.with_suffix(".rejected")
        self._used: list[Headers] = []

    def write(self, headers: Headers, *, renewable: bool) -> None:
        """Replace the headers; with `renewable` the process may ask for others."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"headers": headers, "renewable": renewable}), encoding="utf-8")
        new.replace(self.path)
        with contextlib.suppress(FileNotFoundError):
            self._rejected.unlink()

    @property
    def rejected(self) -> bool:
        """Whether the process asks for other headers."""
        return self._rejected.exists()

    def headers(self) -> Headers:
        """Return the headers that were written last."""
        return self._read()[0]

    def renewed(self, sent: Mapping[str, str]) -> Headers | None:
        """Return the headers to send a request with again, after a 401 to one with these; None if
        they are not the credential's, or it cannot be renewed."""
        latest, renewable = self._read()
        before = next((used for used in self._used if _carries(sent, used)), None)
        if before is None or latest != before:
            return None if before is None else latest
        if not renewable:
            return None
        self._rejected.touch()
        start = time.monotonic()
        while self.rejected and time.monotonic() - start < _MAX_WAIT:
            time.sleep(_POLL)
        latest = self.headers()
        return None if latest == before else latest

    def _read(self) -> tuple[Headers, bool]:
        data: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        headers: Headers = data["headers"]
        if headers not in self._used:
            self._used.append(headers)
        return headers, bool(data["renewable"])


def _carries(sent: Mapping[str, str], headers: Headers) -> bool:
    given = {name.lower(): value for name, value in sent.items()}
    return all(given.get(name.lower()) == value for name, value in headers.items())
