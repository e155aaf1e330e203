"""The layer that finds the operation: Connexion's routing, compiled to one regular expression.

Connexion walks through nested routers for each request. A path that the expression does not match
(an unknown one, a trailing slash) still goes that way; a known path with another method gets its
response here, because Connexion would allow only the first method, and take HEAD for GET.
"""

import re
from collections.abc import Awaitable
from typing import Any

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware as ConnexionRouting
from connexion.spec import Specification
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

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
        match = self._match(f"{scope['method']} {scope['path']}") if "method" in scope else None
        if match is None or match.lastindex is None:
            if "method" in scope:
                self._reject(scope["path"])
            return self._route_by_connexion(scope, receive, send)
        last = match.lastindex
        context, names = self._found[last - 1]
        scope["path_params"] = (
            dict(zip(names, match.groups()[last - 1 - len(names) :], strict=False)) if names else {}
        )
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
        return self.app(scope, receive, send)

    async def _route_by_connexion(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)

    def _reject(self, path: str) -> None:
        """Raise HTTPException: 405 for a path that is known with other methods, 404 for one that
        begins with two slashes, of which Flask would ignore one."""
        if path.startswith("//"):
            raise HTTPException(404, f"There is nothing at {path}: it begins with a slash too many")
        allowed = sorted(method for method in self._methods if self._match(f"{method} {path}"))
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
