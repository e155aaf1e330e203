"""Files for browsers: compressed once, and revalidated by their content."""

import gzip
from functools import cached_property, lru_cache
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

from flask import Flask, Response, abort, request
from werkzeug.security import safe_join

_MAX_FILES = 16
"""Static files that are kept in memory, the largest of which has two megabytes."""


class File:
    """A file with its ``content``, as it is sent to browsers."""

    def __init__(self, content: bytes, content_type: str) -> None:
        self.content = content
        self._content_type = content_type

    @cached_property
    def compressed(self) -> bytes:
        """The content as gzip; equal contents give equal bytes."""
        return gzip.compress(self.content, 9, mtime=0)

    @cached_property
    def _digest(self) -> str:
        return sha256(self.content).hexdigest()[:20]

    def respond(self, cache_control: str) -> Response:
        """Return the response to the current request: compressed where the client accepts it, 304
        where the client has it."""
        packed = _accepts_gzip() and len(self.compressed) < len(self.content)
        content = self.compressed if packed else self.content
        response = Response(content, content_type=self._content_type)
        # Each encoding is a representation of its own, so it has its own tag.
        response.set_etag(f"{self._digest}-gzip" if packed else self._digest)
        response.headers["Cache-Control"] = cache_control
        response.vary.add("Accept-Encoding")
        if packed:
            response.content_encoding = "gzip"
        response.make_conditional(request)
        return response


def register(app: Flask) -> None:
    """Let ``app`` serve its folder of static files compressed."""

    def serve(filename: str) -> Response:
        path = safe_join(str(app.static_folder), filename)
        try:
            stat = Path(path or "").stat()
            if path is None or not Path(path).is_file():
                abort(404)
        except (OSError, ValueError):  # Missing, too long, or with a null character.
            abort(404)
        return _read(path, stat.st_mtime_ns, stat.st_size).respond("no-cache")

    app.view_functions["static"] = serve


@lru_cache(maxsize=_MAX_FILES)
def _read(path: str, modified: int, size: int) -> File:
    """Read a file; its time and size are there for an edited file to be read again."""
    content_type = guess_type(path)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return File(Path(path).read_bytes(), content_type)


def _accepts_gzip() -> bool:
    """Return whether the client accepts gzip, by name or as any encoding."""
    qualities = {name.lower(): quality for name, quality in request.accept_encodings}
    return qualities.get("gzip", qualities.get("*", 0)) > 0
