"""Read responses that deny access."""

from __future__ import annotations

import re

from conformance.assertions.matchers import success
from conformance.client.response import Response
from conformance.errors import CheckFailed
from conformance.vocabulary import UUID

_NUMBER = re.compile(rf"{UUID}|\d+", re.IGNORECASE)


def gives_no_access(response: Response) -> str | None:
    """Anything but success or a 5xx: a path in another spelling may be redirected or unknown."""
    denied = 300 <= response.status < 500
    return None if denied else "expected no access to a run that is asked for by another spelling"


def shows_no_run(response: Response) -> str | None:
    """Anything but a page or a run: a service may return a page of its site for any path."""
    try:
        body = response.object() if success(response) is None else {}
    except CheckFailed:
        return None
    shown = isinstance(body.get("items"), list) or "id" in body
    return "expected no runs without a credential, however the path is spelled" if shown else None


def reason(response: Response) -> dict[str, str]:
    """Return the texts of an error, without ids and numbers; none if it is not JSON, as other
    checks report."""
    try:
        body = response.object()
    except CheckFailed:
        return {}
    texts = {name: body.get(name) for name in ("detail", "title", "message", "error")}
    return {n: _NUMBER.sub("#", text) for n, text in texts.items() if isinstance(text, str)}
