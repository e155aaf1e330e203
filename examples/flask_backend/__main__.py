"""The command: `python -m examples.flask_backend --port 0`. A thread serves each connection.

Werkzeug's threaded server does it, made to answer in JSON also what never reaches the app, and to
let open streams end before the process does. A service that faces the world puts the same app
behind a server made for that.
"""

import argparse
import json
import math
import os
import signal
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .app import PROBLEM_TYPE, RunsApi
from .store import Store
from .worker import Worker

TENANTS = {"acme-key": "acme", "globex-key": "globex"}


class Handler(WSGIRequestHandler):
    """One connection. A frame is written in parts: none of them should wait for company."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"
    timeout = 30
    disable_nagle_algorithm = True
    error_content_type = PROBLEM_TYPE
    error_message_format = json.dumps(
        {"type": "about:blank", "title": "%(message)s", "status": 0, "detail": "%(explain)s"}
    ).replace("0", "%(code)d")

    def run_wsgi(self) -> None:
        try:
            urlsplit(self.path)
        except ValueError:
            self.send_error(400)
        else:
            super().run_wsgi()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what cannot be read. Whatever http.server calls it, the request is at fault, and
        its text is not repeated."""
        super().send_error(400 if code >= 500 else code)

    def version_string(self) -> str:
        return "automation-runs"

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Quiet: what goes wrong is logged, what goes right is not."""


class Server(ThreadedWSGIServer):
    """Knows the threads that are serving, to wait for them at the end."""

    def __init__(self, host: str, port: int, app: RunsApi) -> None:
        self._serving: set[threading.Thread] = set()
        super().__init__(host, port, app, Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._serving.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._serving.discard(threading.current_thread())

    def drain(self, seconds: float) -> None:
        """Wait for what is being served, but not for ever."""
        deadline = time.monotonic() + seconds
        for thread in tuple(self._serving):
            thread.join(max(0.0, deadline - time.monotonic()))


def main() -> None:
    """Serve until interrupted."""
    options = parse()
    store = Store()
    app = RunsApi(store, Worker(store, options.speed), TENANTS, options.heartbeat)
    server = Server(options.host, options.port, app)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    print(f"Serving on http://{options.host}:{server.port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    store.close()
    server.drain(1.0)


def parse() -> argparse.Namespace:
    """The command line; what it leaves out comes from the environment."""
    parser = argparse.ArgumentParser("flask_backend", description="The Automation runs API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (%(default)s)")
    parser.add_argument("--port", default=8000, type=port, help="0 takes a free one (%(default)s)")
    speed = os.environ.get("FLASK_BACKEND_SPEED", "1")
    parser.add_argument(
        "--speed",
        default=speed,
        type=positive,
        help="how many times as fast as real the work is done (FLASK_BACKEND_SPEED, %(default)s)",
    )
    parser.add_argument(
        "--heartbeat",
        default=5.0,
        type=positive,
        help="longest silence of an event stream, in seconds (%(default)s)",
    )
    return parser.parse_args()


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} will not do: give a number above 0, like 20")
    return value


if __name__ == "__main__":
    main()
