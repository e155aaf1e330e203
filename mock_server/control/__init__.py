"""The control API under ``/_mock``, described by ``control.yaml``: one module per noun.

Each module returns the functions of its operations by ``operationId``.
"""

from mock_server.control import (
    access,
    clock,
    coverage,
    exam,
    failures,
    faults,
    feed,
    inspection,
    login,
    metrics,
    requests,
    runs,
    service,
    state,
    worlds,
)
from mock_server.control import (
    streams as event_streams,
)
from mock_server.http.call import Handler
from mock_server.http.control_sessions import ControlSessions
from mock_server.http.credentials import Credentials
from mock_server.http.event_stream import EventStreams
from mock_server.http.explain import Explainer
from mock_server.openapi_document import OpenApiDocument
from mock_server.worlds.registry import Worlds


def control(
    all_worlds: Worlds,
    streams: EventStreams,
    explainer: Explainer,
    credentials: Credentials,
    sessions: ControlSessions,
    document: OpenApiDocument,
) -> dict[str, Handler]:
    """Return the function of each operation of the control API."""
    return {
        **service.functions(all_worlds, streams),
        **login.functions(credentials, sessions),
        **access.functions(sessions),
        **worlds.functions(all_worlds),
        **runs.functions(all_worlds),
        **inspection.functions(all_worlds),
        **clock.functions(),
        **faults.functions(all_worlds, document),
        **feed.functions(all_worlds, explainer, sessions),
        **state.functions(all_worlds),
        **failures.functions(all_worlds),
        **requests.functions(all_worlds, explainer),
        **coverage.functions(explainer),
        **exam.functions(all_worlds, explainer, credentials),
        **event_streams.functions(streams),
        **metrics.functions(all_worlds, streams, explainer),
    }
