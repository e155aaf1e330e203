"""Runs to order."""

from mock_server.call import Answer, Call, Reply
from mock_server.errors import Refused
from mock_server.middleware import Handler
from mock_server.worlds import Worlds


def functions(worlds: Worlds) -> dict[str, Handler]:
    """``createRun``."""

    def create_run(call: Call) -> Answer:
        name = call.body["scenario"]
        scenario = worlds.scenarios.get(name)
        if scenario is None:
            known = ", ".join(worlds.scenarios)
            raise Refused(404, f"There is no scenario {name!r}; there are: {known}")
        run = call.world.create(scenario)
        location = {"Location": f"/api/v1/automation-runs/{run.id}"}
        return Reply(call.world.body(run), 201, location)

    return {"createRun": create_run}
