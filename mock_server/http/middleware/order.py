"""The order of the layers of a request. The first is the outermost: it sees a request first."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from connexion.middleware.context import ContextMiddleware
from connexion.middleware.lifespan import LifespanMiddleware

from mock_server.http.middleware.control_access import ControlAccessMiddleware
from mock_server.http.middleware.cors import CorsMiddleware
from mock_server.http.middleware.dispatch import DispatchMiddleware
from mock_server.http.middleware.fallback import FallbackMiddleware
from mock_server.http.middleware.faults import FaultsMiddleware
from mock_server.http.middleware.journaling import JournalingMiddleware
from mock_server.http.middleware.lease_guard import LeaseGuardMiddleware
from mock_server.http.middleware.proxy import ProxyMiddleware
from mock_server.http.middleware.routing import RoutingMiddleware
from mock_server.http.middleware.validation import ValidationMiddleware

ORDER: Final = (
    ProxyMiddleware,  # Whatever uses an address sees the public one.
    CorsMiddleware,
    JournalingMiddleware,  # All errors further in are recorded, as the responses that they become.
    ControlAccessMiddleware,
    FallbackMiddleware,
    RoutingMiddleware,
    ValidationMiddleware,
    LeaseGuardMiddleware,
    FaultsMiddleware,  # Only valid requests use up a fault.
    DispatchMiddleware,
    LifespanMiddleware,
    ContextMiddleware,
)


_OPTIONAL: Final = {FallbackMiddleware, LeaseGuardMiddleware}


def layers(options: Mapping[type, Mapping[str, Any]]) -> list[Callable[..., Any]]:
    """Return what makes each layer, with its ``options``, from the one after it.

    The layers for a real backend and for leases are left out where they have no options.
    """
    return [
        partial(layer, **options.get(layer, {}))
        for layer in ORDER
        if layer in options or layer not in _OPTIONAL
    ]
