"""The mock as one application: Connexion's FlaskApp with middleware of our own.

Connexion keeps the documents, the routing, the resolver, the context and the lifespan. Our layers
validate a request of the contract or the control API and send its response natively on ASGI; every
other request passes on to Flask, which renders the pages for people.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import connexion
from connexion.middleware.main import API
from connexion.resolver import Resolver
from connexion.spec import OpenAPISpecification
from starlette.types import Receive, Scope, Send

from mock_server import resources
from mock_server.control import control
from mock_server.engine.behaviour import Behaviour
from mock_server.engine.run_state import Json
from mock_server.http import html_pages
from mock_server.http.control_sessions import ControlSessions
from mock_server.http.credentials import Credentials
from mock_server.http.event_stream import EventStreams
from mock_server.http.explain import Explainer, Reporter
from mock_server.http.fallback import Backend
from mock_server.http.middleware.control_access import ControlAccessMiddleware
from mock_server.http.middleware.cors import CorsMiddleware
from mock_server.http.middleware.dispatch import DispatchMiddleware
from mock_server.http.middleware.fallback import FallbackMiddleware
from mock_server.http.middleware.faults import FaultsMiddleware
from mock_server.http.middleware.journaling import JournalingMiddleware
from mock_server.http.middleware.lease_guard import LeaseGuardMiddleware
from mock_server.http.middleware.order import layers
from mock_server.http.middleware.prefer import Examples
from mock_server.http.middleware.proxy import ProxyMiddleware
from mock_server.http.middleware.validation import ValidationMiddleware
from mock_server.http.operations import operations
from mock_server.journal.contract_index import ContractIndex
from mock_server.openapi_document import OpenApiDocument, parse
from mock_server.settings import Settings
from mock_server.store.folder import Fsync
from mock_server.store.keeper import Keeper
from mock_server.store.location import open_store
from mock_server.worlds.registry import Worlds

_INTERNAL = ("/_mock", "/dashboard", "/docs", "/static", "/openapi", "/arazzo.", "/favicon.")
"""The beginnings of paths that belong to the mock itself."""


class Specification(OpenAPISpecification):  # type: ignore[misc]
    """One of the two documents that come with the mock, for Connexion.

    The tests validate them, so a start need not: it would take a quarter of a second, and
    ``add_api`` has no option to skip it.
    """

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        pass


@lru_cache(maxsize=2)
def _specification(text: str) -> Specification:
    """Return a document with its references resolved. The mocks of a process share it."""
    return Specification(parse(text))


class Mock:
    """One mock, as an ASGI application. Raise UsageError for settings that cannot be used."""

    def __init__(
        self,
        settings: Settings,
        report: Callable[[Json], None] | None = None,
        *,
        numbers: Iterator[int] | None = None,
        sessions: ControlSessions | None = None,
    ) -> None:
        """``report`` is called with the journal's entry of each request of the API that ends.

        ``numbers`` are those of the requests, by default 1, 2 …; ``sessions`` are those of pages.
        """
        self.worlds = Worlds(settings)
        self.streams = EventStreams(settings.max_streams)
        contract = OpenApiDocument(resources.contract_file())
        control_api = OpenApiDocument(resources.control_file())
        schemes = contract.content["components"]["securitySchemes"]
        credentials = self.credentials = Credentials(
            schemes, self.worlds, settings.accept_any_token, settings.world_claim
        )
        control_index = ContractIndex(control_api)
        explainer = self.explainer = Explainer(
            ContractIndex(contract), control_index, credentials, settings.behaviour
        )
        self.operations = [
            *explainer.contract.operations.values(),
            *(one for one in control_index.operations.values() if "world" in one.query),
        ]
        """The operations that are about one world."""
        self.unassigned = explainer.unassigned
        sessions = self.sessions = sessions or ControlSessions(settings.access.token)
        control_functions = control(
            self.worlds, self.streams, explainer, credentials, sessions, control_api
        )
        contract_functions = operations(self.streams)
        store = open_store(settings.store, Fsync(settings.fsync), settings.advertise)
        self.keeper: Keeper | None = None
        if store is not None:
            handlers = contract_functions | control_functions
            self.keeper = self.worlds.keeper = Keeper(store, self.worlds, handlers)
        self._backend = None if settings.fallback is None else Backend(settings.fallback.url)
        counter = explainer.metrics if report is None else Reporter(explainer, report)
        options: dict[type, dict[str, Any]] = {
            ProxyMiddleware: {"root_path": settings.root_path, "trusted": settings.trusted_proxies},
            CorsMiddleware: {"origins": settings.cors_origins},
            JournalingMiddleware: {
                "unassigned": explainer.unassigned,
                "counter": counter,
                "internal": _INTERNAL,
                "numbers": numbers,
            },
            ControlAccessMiddleware: {"access": settings.access, "sessions": sessions},
            ValidationMiddleware: {"worlds": self.worlds, "credentials": credentials},
            FaultsMiddleware: {"examples": Examples(contract), "presets": self.worlds.presets},
            DispatchMiddleware: {"recorder": self.keeper},
        }
        if self._backend is not None:
            options[FallbackMiddleware] = {
                "backend": self._backend,
                "fallback": settings.fallback,
                "worlds": self.worlds,
                "credentials": credentials,
                "contract": contract,
            }
        if self.keeper is not None and self.keeper.store.shared:
            options[LeaseGuardMiddleware] = {"claims": self.keeper}
        app = connexion.FlaskApp(__name__, middlewares=layers(options))
        for document, functions in (
            (contract, contract_functions),
            (control_api, control_functions),
        ):
            # Finds the function of an operation by its operationId.
            options = app.middleware.options.replace(resolver=Resolver(functions.__getitem__))
            specification = _specification(document.text)
            app.middleware.apis.append(API(specification, base_path=None, **vars(options)))
        html_pages.register(app.app, self.worlds, explainer.paths, contract, control_api)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app.middleware(scope, receive, send)

    def replace_behaviour(self, before: Behaviour, after: Behaviour) -> None:
        """Set ``after`` wherever ``before`` is set."""
        for world in self.worlds.replace_behaviour(before, after):
            if self.keeper is None:
                world.set_behaviour(after)
            else:
                self.keeper.set_behaviour(world, after)
        self.unassigned.behaviour = after

    def close(self) -> None:
        """End every event stream, so that the server can stop."""
        self.worlds.close()
        if self._backend is not None:
            self._backend.close()

    async def stop(self) -> None:
        """Store what is not stored yet; call it after the last request."""
        if self._backend is not None:
            await self._backend.stop()
        if self.keeper is not None:
            await self.keeper.stop()
