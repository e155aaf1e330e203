"""Honest set-ups, as changes before a backend in real time: none of them is a fault of the
service."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from mutating_proxy import Forward, Json, Mutants, Request, Response

variant = Mutants()
LAG = 0.3
OLD = 3000
FOREIGN = "00000000-0000-4000-8000-"
_FRACTION = re.compile(rb"(?<=:\d\d)\.\d+Z")
PAGE = b"<html><body><center><h1>502 Bad Gateway</h1></center><center>nginx</center></body></html>"


@variant()
async def list_lags(request: Request, forward: Forward, memory: Json) -> Response:
    """The list comes from a replica: what changed in the last 300 ms is as it was before."""
    reply = await forward(request)
    if request.operation != "list" or reply.status != 200 or not reply.body:
        return reply
    page, shown, wanted = reply.json(), [], request.parameter("status")
    for run in page["items"]:
        known = memory.setdefault(run["id"], {})
        known[run["updatedAt"]] = run
        old = [at for at in known if _age(at) >= LAG]
        then = known[max(old)] if old else run
        # The replica filters by what it knows.
        if _age(run["createdAt"]) >= LAG and wanted in (None, then["status"]):
            shown.append(then)
    hidden = len(page["items"]) - len(shown)
    return reply.put(page | {"items": shown, "total": page["total"] - hidden})


@variant()
async def cancel_takes_its_time(request: Request, forward: Forward, memory: Json) -> Response:
    """A running run that is cancelled is cancelled half a second later, or has completed."""
    if request.operation != "cancel":
        return await forward(request)
    seen = await forward(request.to("get"))
    if seen.status != 200 or seen.json()["status"] != "running":
        return await forward(request)

    async def later() -> None:
        await asyncio.sleep(0.5)
        await forward(request)

    memory.setdefault("tasks", []).append(asyncio.create_task(later()))
    return Response(202, {}).put(seen.json())


@variant()
async def readable_later(request: Request, forward: Forward, memory: Json) -> Response:
    """A run can be read 300 ms after it was created."""
    reply = await forward(request)
    if request.operation == "list" or reply.status == 404:
        return reply
    seen = await forward(request.to("get"))
    if seen.status == 200 and _age(seen.json()["createdAt"]) < LAG:
        return Response(404, {}).put({"detail": "Not found"})
    return reply


@variant()
async def whole_seconds(request: Request, forward: Forward, memory: Json) -> Response:
    """Timestamps have no fractions, and durations are those of a better clock."""
    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = (_FRACTION.sub(b"Z", frame) async for frame in reply.frames)
    reply.body = _FRACTION.sub(b"Z", reply.body)
    return reply


@variant()
async def restarts_once(request: Request, forward: Forward, memory: Json) -> Response:
    """The service restarts, and the gateway in front says so for 400 ms."""
    memory["count"] = memory.get("count", 0) + 1
    if memory["count"] == memory.get("from", 12):
        memory["until"] = time.monotonic() + 0.4
    if time.monotonic() < memory.get("until", 0):
        return Response(502, {"content-type": "text/html"}, PAGE)
    return await forward(request)


@variant()
async def busy_tenant(request: Request, forward: Forward, memory: Json) -> Response:
    """Three thousand old runs, and another client that creates forty new ones a second."""
    started = memory.setdefault("started", datetime.now(UTC))  # noqa: TID251
    if request.run_id.startswith(FOREIGN) and request.operation == "get":
        return Response(200, {}).put(
            _foreign(memory["like"], int(request.run_id[-12:], 16), started)
        )
    if request.operation != "list":
        return await forward(request)
    whole = request.to("list")
    whole.query = [("limit", "1000"), *(pair for pair in request.query if pair[0] == "status")]
    reply, own = await forward(request), await forward(whole)
    done = [run for run in own.json().get("items", []) if run["status"] == "completed"]
    memory["like"] = memory.get("like") or (done[0] if done else None)
    if reply.status != 200 or not reply.body or memory["like"] is None:
        return reply
    count = OLD + int(40 * (datetime.now(UTC) - started).total_seconds())  # noqa: TID251
    if request.parameter("status") not in (None, "completed"):
        count = 0
    foreign = memory.setdefault("foreign", [])
    foreign += [_foreign(memory["like"], n, started) for n in range(len(foreign), count)]
    everything = sorted([*foreign[:count], *own.json()["items"]], key=itemgetter("createdAt"))
    limit, offset = (int(request.parameter(n) or d) for n, d in (("limit", 100), ("offset", 0)))
    items = everything[offset : offset + limit]
    return reply.put(reply.json() | {"items": items, "total": len(everything)})


def _foreign(like: Json, number: int, started: datetime) -> Json:
    """A run of another client, over as soon as it was created: of the first thousands one for each
    second before the tests, of the others forty a second since."""
    later = number - OLD
    at = started + timedelta(seconds=later / 40 if later >= 0 else later)
    moments = dict.fromkeys(("createdAt", "startedAt", "completedAt", "updatedAt"), _text(at))
    return like | moments | {"id": f"{FOREIGN}{number:012x}", "durationSeconds": 0}


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _age(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()  # noqa: TID251
