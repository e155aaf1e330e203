"""Serve the contract as documents: each OpenAPI version and view, and the workflows.

The server in a document is the address of the request, so a tool that imports it can send requests
at once, behind a proxy as well. The forms of later versions are files that come with the mock.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask, Response, jsonify, request

from mock_server import resources
from mock_server.openapi_document import VERSIONS, VIEWS, OpenApiDocument, contract_form
from mock_server.public_address import DIRECT, PUBLIC, PublicAddress

_SERVERS = re.compile(r"^servers:\n  - url: .*$", re.MULTILINE)


def register(app: Flask, contract: OpenApiDocument) -> None:
    """Add the documents to ``app``."""

    @cache
    def load(version: str, view: str) -> dict[str, Any]:
        if (version, view) == (VERSIONS[0], VIEWS[0]):
            return contract.content
        file = contract_form(version, view)
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def serve(version: str) -> Response:
        view = request.args.get("view", VIEWS[0])
        if view not in VIEWS:
            response = jsonify(detail=f"view: expected {' or '.join(VIEWS)}, got {view[:40]!r}.")
            response.status_code = 422
            return response
        document = load(version, view)
        server = document["servers"][0] | {"url": address()}
        text = json.dumps(document | {"servers": [server]}, ensure_ascii=False)
        return Response(text, mimetype="application/json")

    def of_version(version: str) -> Callable[[], Response]:
        return lambda: serve(version)

    for version in VERSIONS:
        app.add_url_rule(f"/openapi-{version}.json", f"openapi-{version}", of_version(version))
    app.add_url_rule("/openapi.json", "openapi", of_version(VERSIONS[0]))

    @app.get("/openapi.yaml")
    def openapi_yaml() -> Response:
        return Response(with_server(contract.text, address()), mimetype="application/yaml")

    @app.get("/arazzo.yaml")
    def arazzo_yaml() -> Response:
        text = resources.workflows_file().read_text(encoding="utf-8")
        return Response(text, mimetype="application/yaml")


def with_server(text: str, url: str) -> str:
    """Return the YAML text of a document with another URL of its server."""
    servers = f"servers:\n  - url: {json.dumps(url)}"
    return _SERVERS.sub(lambda _: servers, text, count=1)


def address() -> str:
    """Return the address that the client used, without a slash at the end."""
    scope = request.environ["asgi.scope"]
    public: PublicAddress = scope.get(PUBLIC, DIRECT)
    return public.base_url(scope["headers"], scope["server"])
