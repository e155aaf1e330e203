"""Failures of a conformance run, opened as worlds."""

from mock_server.control.worlds import to_json
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.worlds.from_failure.world_document import open_failure
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return ``openFailure``."""

    async def work(call: Call) -> Response:
        world, notes = await open_failure(worlds, call.body, ("body",))
        return BodyResponse.json({**to_json(world), "notes": list(notes)}, 201)

    return {"openFailure": lambda call: DeferredResponse(work(call))}
