"""Read and write NDJSON with an exchange on each line: the log of the proxy, and the journal of the
mock, which has no bodies of responses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from conformance.errors import ConfigurationError
from conformance.redaction import Redactor
from conformance.traffic.exchange import (
    ObservedExchange,
    ObservedRequest,
    ObservedResponse,
    Pairs,
    pairs,
)
from conformance.traffic.har import PORTION, Source

MAX_LINE = 64 * 1024 * 1024
_HINT = "Write the file with runs-conformance proxy --log FILE, or take the journal of the mock."


def ndjson_exchanges(text: Source, name: str) -> Iterator[ObservedExchange]:
    """Yield the exchanges of an NDJSON file. Raise ConfigurationError with the line."""
    for number, line in _lines(text, name):
        where = f"{name}:{number}"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise ConfigurationError(f"{where}: expected JSON, got {fault}.", _HINT) from None
        # The journal as the control API returns it has the newest request first.
        listed = isinstance(entry, dict) and isinstance(entry.get("items"), list)
        for each in reversed(entry["items"]) if listed else [entry]:
            try:
                yield _exchange(each, where)
            except (KeyError, TypeError, ValueError, AttributeError) as fault:
                missing = f"no {fault.args[0]!r}" if isinstance(fault, KeyError) else str(fault)
                raise ConfigurationError(
                    f"{where}: expected an exchange, got {missing[:200]}.", _HINT
                ) from None


def line_of(exchange: ObservedExchange, redactor: Redactor) -> str:
    """Return the exchange as a line, without credentials."""
    request, response = exchange.request, exchange.response
    entry: dict[str, Any] = {
        "where": request.where,
        "at": round(request.at, 6),
        "request": {
            "method": request.method,
            "target": redactor.without_secrets(request.target),
            "headers": _clean(request.headers, redactor, sent=True),
            "malformed": list(request.malformed),
            **_body_entry(request.body, redactor),
        },
        "response": None,
        "note": redactor.text(exchange.note),
    }
    if response is not None:
        entry["response"] = {
            "status": response.status,
            "headers": _clean(response.headers, redactor, sent=False),
            "at": round(response.at, 6),
            "end": round(response.end, 6),
            "complete": response.complete,
            **_body_entry(response.body, redactor),
        }
    return json.dumps(entry, ensure_ascii=True) + "\n"


def _clean(headers: Pairs, redactor: Redactor, *, sent: bool) -> list[list[str]]:
    clean = redactor.request_headers if sent else redactor.headers
    return [[n, v] for name, value in headers for n, v in clean({name: value}).items()]


def _body_entry(body: bytes | None, redactor: Redactor) -> dict[str, Any]:
    if body is None:
        return {}
    try:
        return {"body": _clean_text(body.decode("utf-8"), redactor)}
    except UnicodeDecodeError:
        # What is not text may hold a credential in any form: only its size is kept.
        return {"bodySize": len(body)}


def _clean_text(text: str, redactor: Redactor) -> str:
    """Return a body without secrets. JSON stays JSON, also in the data of events: a short secret
    may look like a part of its syntax."""
    if redactor.without_secrets(text) == text:
        return text
    lines = text.split("\n")
    if len(lines) > 1 and any(line.startswith("data:") for line in lines):
        return "\n".join(_clean_line(line, redactor) for line in lines)
    return _clean_json(text, redactor)


def _clean_line(line: str, redactor: Redactor) -> str:
    name, colon, value = line.partition(":")
    return f"{name}: {_clean_json(value, redactor).strip()}" if colon else line


def _clean_json(text: str, redactor: Redactor) -> str:
    try:
        return json.dumps(redactor.data(json.loads(text)))
    except (ValueError, RecursionError):
        return redactor.without_secrets(text)


def _lines(text: Source, name: str) -> Iterator[tuple[int, str]]:
    rest: list[str] = []
    size, number = 0, 1
    while True:
        portion = text.read(PORTION)
        first, *lines = portion.split("\n")
        # Joined when it is complete: a long line is not copied again with every portion.
        rest, size = [*rest, first] if size else [first], size + len(first)
        for line in [*lines, ""] if not portion else lines:
            whole = "".join(rest)
            if whole.strip():
                yield number, whole
            rest, size, number = [line], len(line), number + 1
        if not portion:
            return
        if size > MAX_LINE:
            raise ConfigurationError(
                f"{name}:{number}: expected at most {MAX_LINE} characters on a line, got more.",
                _HINT,
            )


def _exchange(entry: Any, where: str) -> ObservedExchange:
    if not isinstance(entry, dict):
        raise TypeError(f"{type(entry).__name__}")
    if "request" not in entry:
        return _journal_entry(entry, where)
    sent, received = entry["request"], entry.get("response")
    request = ObservedRequest(
        method=str(sent["method"]),
        target=str(sent["target"]),
        headers=pairs((str(n), str(v)) for n, v in sent["headers"]),
        body=_body(sent),
        at=float(entry["at"]),
        where=where,
        malformed=tuple(map(str, sent.get("malformed", ()))),
    )
    if received is None:
        return ObservedExchange(request, None, str(entry.get("note", "")))
    response = ObservedResponse(
        status=int(received["status"]),
        headers=pairs((str(n), str(v)) for n, v in received["headers"]),
        body=_body(received),
        at=float(received["at"]),
        end=float(received["end"]),
        complete=bool(received.get("complete", True)),
    )
    return ObservedExchange(request, response, str(entry.get("note", "")))


def _journal_entry(entry: dict[str, Any], where: str) -> ObservedExchange:
    """An entry of the mock's journal: it has no body of the response, and no credentials."""
    at = datetime.fromisoformat(entry["at"]).timestamp() if entry.get("at") else 0.0
    query = f"?{entry['query']}" if entry.get("query") else ""
    headers = pairs((str(n), str(v)) for n, v in entry["headers"].items())
    empty = entry["headers"].get("content-length", "0") == "0"
    known = entry.get("body") is not None
    request = ObservedRequest(
        method=str(entry["method"]),
        target=f"{entry['path']}{query}",
        headers=headers,
        body=_body(entry) if known or not empty else b"",
        at=at,
        where=f"{where}, request {entry['number']}",
        hidden=True,
    )
    if entry.get("status") is None:
        return ObservedExchange(request, None, "no response")
    end = at + float(entry.get("durationMs") or 0) / 1_000
    return ObservedExchange(
        request, ObservedResponse(int(entry["status"]), (), None, end, end, bare=True)
    )


def _body(message: dict[str, Any]) -> bytes | None:
    if "bodyBase64" in message:
        return base64.b64decode(str(message["bodyBase64"]))
    body = message.get("body")
    return None if body is None else str(body).encode("utf-8", "surrogatepass")
