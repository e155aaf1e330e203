"""What an open stream costs uvicorn itself: a raw ASGI application that sends an opening and then
nothing, until the subscriber is gone. Served with the settings of the mock."""

import sys
from pathlib import Path
from typing import Any

import uvicorn


def application(opening: bytes) -> Any:
    """Answers every path with an event stream that begins with ``opening``."""

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": opening, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    return stream


def main(port: str, opening: str) -> None:
    """``opening`` is a file with the bytes that a stream begins with."""
    uvicorn.run(
        application(Path(opening).read_bytes()),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        backlog=4_096,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
