"""The layer that finds the operation: Connexion's routing, compiled to one regular expression.

Connexion walks through nested routers for each request. A path that the expression does not match
(an unknown one, a trailing slash) still goes that way; a known path with another method gets its
response here, because Connexion would allow only the first method. HEAD is served wherever GET is.
"""

import re
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, unquote

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware as ConnexionRouting
from connexion.spec import Specification
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.http.call import NoContent

_SLASH = "\ufdd0"  # Not a character, so no decoded path has it.
_PARAMETER = re.compile(r"\\\{(\w+)\\\}")


class RoutingMiddleware(ConnexionRouting):
    """Find the operation and the path parameters of a request."""

    app: ASGIApp

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._alternatives: list[str] = []
        self._found: list[tuple[dict[str, str], tuple[str, ...]]] = []
        self._match = re.compile("(?!)").fullmatch
        self._methods: set[str] = set()

    def add_api(
        self, specification: Specification, base_path: str | None = None, **kwargs: Any
    ) -> None:
        super().add_api(specification, base_path=base_path, **kwargs)
        base = specification.base_path
        for path, item in specification["paths"].items():
            for method in METHODS & item.keys():
                context = {"api_base_path": base, "operation_id": item[method]["operationId"]}
                self._methods.add(method.upper())
                self._add(f"{method.upper()} {base}{path}", context)
        self._match = re.compile("|".join(self._alternatives)).fullmatch

    def _add(self, line: str, context: dict[str, str]) -> None:
        """Add a line of method and path template.

        Each ends in an empty group, so that ``lastindex`` says which line matched and where its
        parameters end.
        """
        pattern = _PARAMETER.sub("([^/]+)", re.escape(line))
        names = tuple(_PARAMETER.findall(re.escape(line)))
        self._alternatives.append(f"{pattern}()")
        self._found += [(context, names)] * (len(names) + 1)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if "method" not in scope:
            return self._route_by_connexion(scope, receive, send)
        method, path, encoded = scope["method"], scope["path"], False
        if b"%" in scope["raw_path"] and b"%2f" in scope["raw_path"].lower():
            path, encoded = _segments(scope["raw_path"]), True
        match = self._match(f"{method} {path}")
        if match is None and method == "HEAD":
            match = self._match(f"GET {path}")
        if match is None or match.lastindex is None:
            if method == "OPTIONS" and (allowed := self._allowed(path)):
                return NoContent({"Allow": ", ".join(allowed)})(receive, send)
            self._reject(scope, path, encoded=encoded)
            return self._route_by_connexion(scope, receive, send)
        last = match.lastindex
        context, names = self._found[last - 1]
        values = match.groups()[last - 1 - len(names) : last - 1]
        if encoded:
            values = tuple(value.replace(_SLASH, "/") for value in values)
        scope["path_params"] = dict(zip(names, values, strict=True)) if names else {}
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
        return self.app(scope, receive, send)

    async def _route_by_connexion(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)

    def _reject(self, scope: Scope, path: str, *, encoded: bool) -> None:
        """Raise HTTPException: 405 for a path that is known with other methods, 307 for one with a
        trailing slash, 400 and 404 for one that Connexion and Flask would read otherwise."""
        if path.startswith("//"):
            raise HTTPException(404, f"There is nothing at {path}: it begins with a slash too many")
        if path.endswith("//"):
            raise HTTPException(404, f"There is nothing at {path}: it ends with a slash too many")
        if path == "*":
            raise HTTPException(400, "The request target * is for OPTIONS only")
        if allowed := self._allowed(path):
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        if encoded:
            raise HTTPException(
                404, f"There is nothing at {scope['raw_path'].decode()}: an encoded slash is data"
            )
        if path.endswith("/") and self._allowed(path[:-1]):
            # Relative, because a proxy may serve the API at another origin or below a prefix.
            last = path[:-1].rpartition("/")[2]
            if last in {".", ".."}:
                raise HTTPException(404, f"There is nothing at {path}: no URL leads there")
            query = scope["query_string"].decode("latin-1")
            location = f"../{quote(last)}{query and '?'}{query}"
            raise HTTPException(307, headers={"Location": location})

    def _allowed(self, path: str) -> list[str]:
        """Return the methods that ``path`` supports, none for an unknown path."""
        known = self._methods
        allowed = known if path == "*" else {one for one in known if self._match(f"{one} {path}")}
        if "GET" in allowed:
            allowed = allowed | {"HEAD"}
        return sorted(allowed | {"OPTIONS"}) if allowed else []


def _segments(raw_path: bytes) -> str:
    """Return the decoded path, with a placeholder for each encoded slash: it does not separate."""
    segments = raw_path.decode("ascii").split("/")
    return "/".join(unquote(segment).replace("/", _SLASH) for segment in segments)
