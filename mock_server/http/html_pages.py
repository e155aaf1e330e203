"""The pages for people, rendered by Flask: the dashboard, the documentation, the documents."""

import json

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from mock_server.http import dashboard, documentation, documents, files
from mock_server.http.html_headers import page_headers
from mock_server.journal.near_miss import KnownPaths
from mock_server.openapi_document import OpenApiDocument
from mock_server.public_address import DIRECT, PUBLIC, PublicAddress
from mock_server.worlds.registry import Worlds


def register(
    app: Flask,
    worlds: Worlds,
    paths: KnownPaths,
    contract: OpenApiDocument,
    control_api: OpenApiDocument,
) -> None:
    """Add the pages to ``app``."""
    app.url_map.merge_slashes = False  # A path with two slashes is another path, and unknown.

    files.register(app)
    dashboard.register(app, worlds)
    documentation.register(app)
    documents.register(app, contract)

    @app.get("/_mock/openapi.yaml")
    def control_yaml() -> Response:
        text = documents.with_server(control_api.text, f"{documents.address()}/_mock")
        return Response(text, mimetype="application/yaml")

    @app.get("/_mock/openapi.json")
    def control_json() -> Response:
        [server] = control_api.content["servers"]
        servers = [server | {"url": f"{documents.address()}/_mock"}]
        text = json.dumps(control_api.content | {"servers": servers}, ensure_ascii=False)
        return Response(text, mimetype="application/json")

    @app.after_request
    def protect(response: Response) -> Response:
        inline = not (request.path == "/" or request.path.startswith(dashboard.PREFIX))
        response.headers.update(page_headers(inline=inline))
        return response

    @app.get("/favicon.ico")
    def favicon() -> Response:
        return app.send_static_file("swagger-ui/favicon-32x32.png")

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> ResponseReturnValue:
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        return jsonify(detail=reason(error)), error.code or 500, headers

    @app.get("/_mock")
    @app.get("/_mock/")
    def index() -> ResponseReturnValue:
        # A browser asks for HTML; other clients accept it with everything else.
        if request.path.endswith("/") and "text/html" in request.headers.get("Accept", ""):
            return "", 302, {"Location": "../"}
        prefix = _public_address().prefix
        operations = [
            {"method": method.upper(), "path": f"{prefix}/_mock{path}", "summary": one["summary"]}
            for path, item in control_api.content["paths"].items()
            for method, one in item.items()
            if isinstance(one, dict) and "summary" in one
        ]
        return jsonify(
            title=control_api.content["info"]["title"],
            document=f"{prefix}/_mock/openapi.yaml",
            operations=operations,
        )

    def reason(error: HTTPException) -> str:
        if error.code != 404:
            return error.name
        hint = paths.hint(request.method, request.path) or "the start page / lists what there is"
        return f"There is nothing at {request.path}; {hint}"


def _public_address() -> PublicAddress:
    address: PublicAddress = request.environ["asgi.scope"].get(PUBLIC, DIRECT)
    return address
