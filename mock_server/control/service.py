"""The process: health, readiness, and the scenarios it has."""

from mock_server import __version__
from mock_server.engine.clock import monotonic
from mock_server.errors import HttpError
from mock_server.http.call import BodyResponse, Call, Handler, Response
from mock_server.http.event_stream import EventStreams
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds, streams: EventStreams) -> dict[str, Handler]:
    """Return ``health``, ``ready`` and ``listScenarios``."""
    started = monotonic()

    def health(call: Call) -> Response:
        return BodyResponse.json(
            {
                "status": "ok",
                "version": __version__,
                "uptimeSeconds": round(monotonic() - started, 3),
                "worlds": len(worlds),
                "streams": streams.open_count,
            }
        )

    def ready(call: Call) -> Response:
        if worlds.runner.closed:
            raise HttpError(503, "The mock is stopping.")
        if worlds.keeper is not None and worlds.keeper.problem is not None:
            raise HttpError(503, worlds.keeper.problem)
        return BodyResponse.json({"status": "ready"})

    def list_scenarios(call: Call) -> Response:
        items = [
            {
                "name": one.name,
                "summary": one.summary,
                "steps": len(one.plans),
                "stepKeys": [plan.key for plan in one.plans],
                "dependsOn": [plan.needs for plan in one.plans],
            }
            for one in worlds.scenarios.values()
        ]
        return BodyResponse.json({"items": items})

    return {"health": health, "ready": ready, "listScenarios": list_scenarios}
