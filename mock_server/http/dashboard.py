"""The dashboard: a page at ``/`` and its files, static modules without a build step.

The path of a file has a version that changes with any file, so a browser keeps files forever and
still gets new ones. Nothing is read before the first request for the page.
"""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, abort, render_template

from mock_server import __version__
from mock_server.http import documents
from mock_server.worlds.registry import Worlds

PREFIX = "/dashboard"
"""The beginning of the paths of the files."""

_DIRECTORY = Path(__file__).parent.parent / "dashboard"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_FOREVER = "public, max-age=31536000, immutable"


def register(app: Flask, worlds: Worlds) -> None:
    """Add the dashboard to ``app``."""

    @app.get("/")
    def start() -> Response:
        names = list(files())
        page = render_template(
            "start.html",
            release=__version__,
            version=version(),
            modules=[name for name in names if name.endswith(".js")],
            address=documents.address(),
            scenarios=worlds.scenarios.values(),
            declared=worlds.settings.declared,
        )
        response = Response(page, mimetype="text/html")
        response.cache_control.no_cache = True
        return response

    @app.get(f"{PREFIX}/<asked>/<path:name>")
    def file(asked: str, name: str) -> Response:
        if name not in files():
            abort(404)
        path = _DIRECTORY / name
        response = Response(path.read_bytes(), content_type=_TYPES[path.suffix])
        # An open page of a former version gets the present file, once.
        cache = _FOREVER if asked == version() else "no-store"
        response.headers["Cache-Control"] = cache
        return response


def files() -> Iterator[str]:
    """Return the names of the files that browsers may read, as paths below the directory."""
    for path in sorted(_DIRECTORY.rglob("*")):
        if path.suffix in _TYPES:
            yield path.relative_to(_DIRECTORY).as_posix()


def version() -> str:
    """Return a text that differs when any file does."""
    stats = [(name, (_DIRECTORY / name).stat()) for name in files()]
    return _digest(tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


@lru_cache(maxsize=1)
def _digest(signature: tuple[tuple[str, int, int], ...]) -> str:
    """Return the digest of the files; ``signature`` has their names, and changes with them."""
    digest = sha256()
    for name, _, _ in signature:
        digest.update(name.encode() + b"\0" + (_DIRECTORY / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]
