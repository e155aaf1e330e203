"""Follow a run with one of several clients: ``python follow.py CLIENT URL KEY``.

Print a line of JSON for each message, as ``follow.mjs`` does, and end after ``run.completed``.
"""

import asyncio
import json
import sys

import aiohttp
import httpx
import requests
import sseclient
from aiohttp_sse_client import client
from httpx_sse import connect_sse

CLIENT, URL, KEY = sys.argv[1:]
HEADERS = {"X-API-Key": KEY, "Accept": "text/event-stream"}


def show(number: str, event: str, data: str) -> bool:
    """Print a message; return whether it is the last one."""
    kind = json.loads(data)["event"] if data else None
    print(json.dumps({"id": number, "event": event, "type": kind}), flush=True)
    return event == "run.completed"


def httpx_sse() -> None:
    last = ""
    while True:
        resume = {"Last-Event-ID": last} if last else {}
        try:
            with (
                httpx.Client(timeout=None) as http,
                connect_sse(http, "GET", URL, headers=HEADERS | resume) as source,
            ):
                for message in source.iter_sse():
                    last = message.id
                    if show(message.id, message.event, message.data):
                        return
        except httpx.RemoteProtocolError:
            pass  # Broken off; the client leaves it to its user to reconnect.


def sseclient_py() -> None:
    last = ""
    while True:
        resume = {"Last-Event-ID": last} if last else {}
        response = requests.get(URL, headers=HEADERS | resume, stream=True, timeout=60)
        try:
            for message in sseclient.SSEClient(response).events():
                last = message.id or last
                if show(message.id, message.event, message.data):
                    return
        except requests.RequestException:
            pass  # As above.


async def aiohttp_sse() -> None:
    last = ""
    while True:
        resume = {"Last-Event-ID": last} if last else {}
        try:
            async with client.EventSource(URL, headers=HEADERS | resume) as source:
                async for message in source:
                    last = message.last_event_id
                    if show(message.last_event_id, message.type, message.data):
                        return
        except aiohttp.ClientPayloadError:
            pass  # As above.


match CLIENT:
    case "httpx-sse":
        httpx_sse()
    case "sseclient-py":
        sseclient_py()
    case "aiohttp-sse-client":
        asyncio.run(aiohttp_sse())
