"""The exchanges of the failures as an HTTP archive (HAR 1.2), which browsers and proxies open: a
page for each failed check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance import __version__
from conformance.client.response import media_type
from conformance.results.failure import failed_entries, failed_results
from conformance.results.report import Report
from conformance.results.result import Result

_UNKNOWN_SIZE = -1


def as_har(report: Report) -> str:
    """Return the archive; without a failure it has no entries."""
    pages: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for entry in failed_entries(report):
        for result in failed_results(entry):
            page = f"{entry.requirement.id}-{len(pages) + 1}"
            shown = list(_entries(result, page))
            began = shown[0]["startedDateTime"] if shown else report.started
            title = f"{entry.requirement.id} {result.check}: {result.message}"
            pages.append({"startedDateTime": began, "id": page, "title": title, "pageTimings": {}})
            entries += shown
    log = {
        "version": "1.2",
        "creator": {"name": "runs-conformance", "version": __version__},
        "pages": pages,
        "entries": sorted(entries, key=lambda each: each["startedDateTime"]),
    }
    return json.dumps({"log": log}, indent=1, ensure_ascii=False) + "\n"


def _entries(result: Result, page: str) -> Iterator[dict[str, Any]]:
    traffic = result.traffic or {}
    began = datetime.fromisoformat(traffic["recordingStarted"])
    for exchange in sorted(traffic["exchanges"], key=lambda each: float(each["at"])):
        milliseconds = round(exchange["seconds"] * 1000, 3)
        started = began + timedelta(seconds=exchange["at"])
        shows = exchange["number"] == result.failing_exchange
        entry = {
            "pageref": page,
            "startedDateTime": started.isoformat(timespec="milliseconds"),
            "time": milliseconds,
            "request": _request(exchange),
            "response": _response(exchange),
            "cache": {},
            "timings": {"send": 0, "wait": milliseconds, "receive": 0},
            "comment": f"shows the failure: {result.message}" if shows else exchange["note"],
        }
        yield entry | ({"_events": exchange["events"]} if exchange["events"] else {})


def _request(exchange: Mapping[str, Any]) -> dict[str, Any]:
    headers, body = exchange["requestHeaders"], exchange["requestBody"]
    request: dict[str, Any] = {
        "method": exchange["method"],
        "url": exchange["url"],
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers.items()),
        "queryString": _pairs(parse_qsl(urlsplit(exchange["url"]).query, keep_blank_values=True)),
        "headersSize": _UNKNOWN_SIZE,
        "bodySize": len((body or "").encode()),
    }
    if body is not None:
        lower = {name.lower(): value for name, value in headers.items()}
        request["postData"] = {"mimeType": media_type(lower), "params": [], "text": body}
    return request


def _response(exchange: Mapping[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in exchange["responseHeaders"].items()}
    status = exchange["status"] or 0
    content = {
        "size": exchange["responseSize"],
        "mimeType": headers.get("content-type", ""),
        "text": exchange["responseBody"],
    }
    if exchange["cut"]:
        content["comment"] = "The body is cut."
    return {
        "status": status,
        "statusText": _phrase(status) if status else exchange["note"],
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers.items()),
        "content": content,
        "redirectURL": headers.get("location", ""),
        "headersSize": _UNKNOWN_SIZE,
        "bodySize": exchange["responseSize"],
    }


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _pairs(items: Any) -> list[dict[str, str]]:
    return [{"name": str(name), "value": str(value)} for name, value in items]
