"""Read responses as answers to open questions, where several checks do so."""

from __future__ import annotations

from typing import Any

from conformance.client.response import Response
from conformance.contract.pointer import resolve
from conformance.errors import CheckFailed
from conformance.harness.context import CheckContext

PROBLEM = "application/problem+json"
# The known answers to Q22, and to Q02 and Q03, by status.
SUCCESSES = {200: "ok", 201: "created", 202: "accepted"}
REJECTIONS = {409: "conflict", 400: "bad_request"} | dict.fromkeys(SUCCESSES, "unchanged")


def empty_fields(
    context: CheckContext, schema: str, value: dict[str, Any], response: Response
) -> None:
    """Q19: fields that may be null are there or not where they have nothing to say."""
    components = context.contract.full["components"]["schemas"]
    optional = [
        name
        for name, field in components[schema]["properties"].items()
        if resolve(context.contract.full, field).get("nullable")
    ]
    absent = [name for name in optional if name not in value]
    null = [name for name in optional if name in value and value[name] is None]
    if not absent and not null:
        return
    known = ["null"] if not absent else ["absent"] if not null else []
    parts = [f"null {', '.join(null)}"] * bool(null) + [f"no {', '.join(absent)}"] * bool(absent)
    observed = f"a {value.get('status')} {schema.lower()} has {' and '.join(parts)}"
    context.observe("Q19", *known, observed=observed, exchange=response.exchange)


def error_body(context: CheckContext, response: Response) -> None:
    """Q20: an error other than a validation error has a detail text or is a problem."""
    try:
        body = response.object()
    except CheckFailed:
        body = {}
    keys = set(body)
    if response.media_type == PROBLEM or {"title", "status"} <= keys or {"type", "title"} <= keys:
        known = ["problem"]
    else:
        known = ["detail"] if isinstance(body.get("detail"), str) else []
    observed = (
        f"{response.summary} as {response.media_type} with {', '.join(sorted(keys)) or 'no object'}"
    )
    context.observe("Q20", *known, observed=observed, exchange=response.exchange)
