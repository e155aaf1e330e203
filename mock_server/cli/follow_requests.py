"""``runs-mock requests --follow``: the newest requests, and then each as it ends."""

import json
from typing import Any

from mock_server.cli.live_feed import live_events
from mock_server.cli.remote import Remote
from mock_server.cli.request_lines import line
from mock_server.cli.text import echo

_NEWEST = 10
_REMEMBERED = 2_000
"""Requests that are not printed twice where a connection is resumed."""


def follow_requests(mock: Remote, filters: dict[str, Any]) -> None:
    """Print requests that match ``filters``, those of the operation ``listRequests``, until it is
    interrupted: a number, and what ``serve`` prints. A stream is printed when it opens and when it
    ends."""
    printed: dict[tuple[int, bool], None] = {}

    def show(entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            ended = entry["durationMs"] is not None
            key = (entry["number"], ended)
            if key in printed or not (ended or entry["stream"]) or not _matches(entry, filters):
                continue
            printed[key] = None
            if len(printed) > _REMEMBERED:
                del printed[next(iter(printed))]
            echo(f"{entry['number']}  {line(entry)}{'' if ended else '  open'}")

    connected = False
    for event in live_events(mock, "requests", filters.get("whose", "world")):
        data = json.loads(event.data)
        match event.event:
            case "hello" if not connected:
                connected = True
                show(mock.get("/requests", **{"limit": _NEWEST, **filters})["items"][::-1])
            case "requests":
                show(data["requests"])
            case "dropped":
                echo(f"runs-mock: {data['requests']} requests were too many", err=True)
            case "resync":
                printed.clear()
                echo("runs-mock: the journal was cleared, or requests were missed", err=True)


def _matches(entry: dict[str, Any], filters: dict[str, Any]) -> bool:
    operation, status = filters.get("operation"), filters.get("status")
    if operation is not None and (entry["operation"] or "none") != operation:
        return False
    return status is None or str(entry["status"]).startswith(status.rstrip("x"))
