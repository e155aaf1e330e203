"""The mock, put together: Connexion's FlaskApp with a middleware list of our own.

Connexion keeps the documents, the routing, the resolver, the context and the lifespan. Between
them stand our two compiled layers, so that a request of the contract or the control API is checked
and answered natively on ASGI; whatever belongs to neither falls through to Flask, which renders the
pages for people.
"""

from functools import partial
from pathlib import Path
from typing import Any

import connexion
import yaml
from connexion.middleware.context import ContextMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from connexion.resolver import Resolver
from connexion.spec import OpenAPISpecification
from starlette.types import Receive, Scope, Send

from mock_server import resources
from mock_server.control import control
from mock_server.engine.behaviour import Behaviour
from mock_server.http import pages
from mock_server.http.credentials import Credentials
from mock_server.http.event_stream import EventStreams
from mock_server.http.explain import Explainer
from mock_server.http.middleware.control_access import ControlAccessMiddleware
from mock_server.http.middleware.faults import FaultsMiddleware
from mock_server.http.middleware.prefer import Examples
from mock_server.http.middleware.recording import (
    CorsMiddleware,
    OperationsMiddleware,
    RecordingMiddleware,
    ValidationMiddleware,
)
from mock_server.http.middleware.routing import Routing
from mock_server.http.operations import operations
from mock_server.journal.contract_index import ContractIndex
from mock_server.worlds.registry import Settings, Worlds


class Document(OpenAPISpecification):  # type: ignore[misc]
    """One of the two documents that come with the mock.

    The tests hold them valid, so that a start need not: that takes a quarter of a second, and
    ``add_api`` offers no way to leave it out.
    """

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        pass


class Mock:
    """One mock, as an ASGI application. Raises UsageError when the settings cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self.worlds = Worlds(settings)
        self.streams = EventStreams(settings.max_streams)
        contract = _document(resources.contract_file())
        own = _document(resources.control_file())
        credentials = Credentials(contract["components"]["securitySchemes"], self.worlds)
        insight = Explainer(
            ContractIndex(contract), ContractIndex(own), credentials, settings.behaviour
        )
        self.journal = insight.unassigned
        app = connexion.FlaskApp(
            __name__,
            middlewares=[
                CorsMiddleware,
                partial(
                    RecordingMiddleware,
                    unassigned=insight.unassigned,
                    counts=insight.metrics,
                    aside=("/_mock", "/docs", "/static", "/openapi.", "/favicon."),
                ),
                partial(ControlAccessMiddleware, access=settings.access),
                Routing,
                partial(ValidationMiddleware, worlds=self.worlds, credentials=credentials),
                partial(FaultsMiddleware, examples=Examples(contract), presets=self.worlds.presets),
                OperationsMiddleware,
                LifespanMiddleware,
                ContextMiddleware,
            ],
        )
        for document, functions in (
            (contract, operations(self.streams)),
            (own, control(self.worlds, self.streams, insight)),
        ):
            # Finds the function of an operation by its operationId.
            options = app.middleware.options.replace(resolver=Resolver(functions.__getitem__))
            app.middleware.apis.append(API(Document(document), base_path=None, **vars(options)))
        pages.register(app.app, self.worlds, insight.paths)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app.middleware(scope, receive, send)

    def set_behaviour(self, before: Behaviour, after: Behaviour) -> None:
        """Have whatever behaves as ``before`` behave as ``after``."""
        self.worlds.set_behaviour(before, after)
        self.journal.set_behaviour(after)

    def close(self) -> None:
        """End every event stream, so that the server can stop."""
        self.worlds.close()


def _document(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
    return document
