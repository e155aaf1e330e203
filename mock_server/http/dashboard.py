"""The dashboard: a page at ``/`` and its files, static modules without a build step.

The path of a file has a version that changes with any file, so a browser keeps files forever and
still gets new ones. Nothing is read before the first request for the page. The documentation and
types in comments are for people who read the sources, and not sent.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, abort, render_template

from mock_server import __version__
from mock_server.http import documents
from mock_server.http.files import File
from mock_server.worlds.registry import Worlds

PREFIX = "/dashboard"
"""The beginning of the paths of the files."""

_DIRECTORY = Path(__file__).parent.parent / "dashboard"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_FOREVER = "public, max-age=31536000, immutable"
_COMMENT = re.compile(rb"""
    ^ [ \t]* /\*\*?\s (?: (?!\*/) [\s\S] )* \*/ [ \t]* \n
    | /\*\*\ @type\ (?: (?!\*/) . )* \*/ \ ?
    """, re.MULTILINE | re.VERBOSE)  # fmt: skip
"""Documentation on lines of its own, and a type before an expression."""


def register(app: Flask, worlds: Worlds) -> None:
    """Add the dashboard to ``app``."""
    served: dict[str, Mapping[str, File]] = {}
    """The files by version: those of the newest page, and of the one before."""

    @app.get("/")
    def start() -> Response:
        version, contents = snapshot()
        served[version] = contents
        for former in list(served)[:-2]:
            del served[former]
        page = render_template(
            "start.html",
            release=__version__,
            version=version,
            modules=[name for name in contents if name.endswith(".js")],
            address=documents.address(),
            scenarios=worlds.scenarios.values(),
            declared=worlds.settings.declared,
            guarded=worlds.settings.access.token is not None,
        )
        return File(page.encode(), "text/html; charset=utf-8").respond("no-cache")

    @app.get(f"{PREFIX}/<asked>/<path:name>")
    def file(asked: str, name: str) -> Response:
        contents, cache = served.get(asked), _FOREVER
        if contents is None:
            # A page that was open before a restart; the present files may be others.
            version, contents = snapshot()
            cache = _FOREVER if asked == version else "no-store"
        if name not in contents:
            abort(404)
        return contents[name].respond(cache)


def files() -> Iterator[str]:
    """Return the names of the files that browsers may read, as paths below the directory."""
    for path in sorted(_DIRECTORY.rglob("*")):
        if path.suffix in _TYPES:
            yield path.relative_to(_DIRECTORY).as_posix()


def snapshot() -> tuple[str, Mapping[str, File]]:
    """Return the files as they are, by name, and a version that differs when any of them does."""
    stats = [(name, (_DIRECTORY / name).stat()) for name in files()]
    return _read(tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


@lru_cache(maxsize=1)
def _read(signature: tuple[tuple[str, int, int], ...]) -> tuple[str, Mapping[str, File]]:
    """Read the files; ``signature`` has their names, and changes with them."""
    files = {}
    digest = sha256()
    for name, _, _ in signature:
        content = (_DIRECTORY / name).read_bytes()
        digest.update(name.encode() + b"\0" + content + b"\0")
        files[name] = File(without_comments(content), _TYPES[Path(name).suffix])
    return digest.hexdigest()[:12], files


def without_comments(content: bytes) -> bytes:
    """Return a module or style sheet without its documentation and types."""
    return _COMMENT.sub(b"", content)
