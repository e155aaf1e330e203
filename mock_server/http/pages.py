"""The pages for people, rendered by Flask: a start page, the documentation, the documents."""

import json
from functools import cache

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from mock_server import __version__
from mock_server.http.middleware.control_access import UNFRAMED
from mock_server.journal.near_miss import KnownPaths
from mock_server.openapi_document import OpenApiDocument
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

    @cache
    def as_json(document: OpenApiDocument) -> str:
        return json.dumps(document.content, ensure_ascii=False)

    @app.get("/")
    def start() -> str:
        return render_template(
            "start.html",
            version=__version__,
            address=request.host_url.rstrip("/"),
            scenarios=worlds.scenarios.values(),
            declared=worlds.settings.declared,
        )

    @app.get("/docs")
    def docs() -> str:
        return render_template("docs.html")

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return Response(as_json(contract), mimetype="application/json")

    @app.get("/openapi.yaml")
    def openapi_yaml() -> Response:
        return Response(contract.text, mimetype="application/yaml")

    @app.get("/_mock/openapi.yaml")
    def control_yaml() -> Response:
        return Response(control_api.text, mimetype="application/yaml")

    @app.get("/_mock/openapi.json")
    def control_json() -> Response:
        return Response(as_json(control_api), mimetype="application/json")

    @app.after_request
    def forbid_embedding(response: Response) -> Response:
        response.headers.update(UNFRAMED)
        return response

    @app.get("/favicon.ico")
    def favicon() -> Response:
        return app.send_static_file("swagger-ui/favicon-32x32.png")

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> ResponseReturnValue:
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        return jsonify(detail=reason(error)), error.code or 500, headers

    def reason(error: HTTPException) -> str:
        if error.code != 404:
            return error.name
        hint = paths.hint(request.method, request.path) or "the start page / lists what there is"
        return f"There is nothing at {request.path}; {hint}"
