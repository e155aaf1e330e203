"""Show the options that decide verdicts, so that shards can be compared: as a digest where a value
may hold a secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from conformance.config.settings import Settings

_NONE = "none"
# A short secret is not found from its digest by trying all.
_ROUNDS = 200_000
_LENGTH = 16
ALLOWED_TO_DIFFER = frozenset(
    {
        # Where the service is, and how a machine gets there.
        *("base_url", "wait_for_api", "proxy", "cacert", "client_cert", "client_key"),
        # Who is asked: the security schemes are compared.
        *("token", "api_key", "cookie", "other_token", "other_api_key", "other_cookie"),
        *("token_command", "other_token_command"),
        # What a machine can do at a time.
        *("workers", "sequential"),
        # The part itself, and where things are read and written.
        *("shard", "blob", "config"),
    }
)
"""The settings, by key, that legitimately differ between machines, apart from reports."""


def compared_options(settings: Settings) -> Mapping[str, str]:
    """Return each option that decides verdicts and is not a term of its own, with its value as
    text."""
    provisioning = settings.provisioning
    trigger, clock = provisioning.trigger, provisioning.clock
    clock_words = clock if isinstance(clock, tuple) else ()
    clock_request = None if isinstance(clock, tuple) else clock
    headers = sorted((name.lower(), value) for name, value in settings.connection.headers)
    return {
        "--budget": f"{settings.budget:g} s",
        "--requests-per-minute": str(settings.requests_per_minute or _NONE),
        "--insecure": _yes(settings.connection.insecure),
        "--no-commands": _yes(settings.no_commands),
        # Runs may differ, since none can be shared; what they can show may not.
        "--state": ", ".join(sorted(provisioning.states)) or _NONE,
        "--header": _digest(headers),
        "--trigger": _digest((trigger.method, trigger.path) if trigger else ()),
        "--trigger-body": _digest(trigger.body if trigger else ""),
        "--trigger-id": trigger.id_path if trigger else _NONE,
        "--command": _digest(provisioning.command),
        "--clock": _digest(
            (clock_request.method, clock_request.path) if clock_request else clock_words
        ),
        "--clock-body": _digest(clock_request.body if clock_request else ""),
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _digest(value: Any) -> str:
    if not value:
        return _NONE
    text = json.dumps(value).encode()
    found = hashlib.pbkdf2_hmac("sha256", text, b"runs-conformance", _ROUNDS, _LENGTH)
    return f"a value with digest {found.hex()}"
