"""The six operations of the contract. Requests arrive checked; what they say is true to it."""

from mock_server.call import Answer, Call, NoContent, Reply
from mock_server.middleware import Handler
from mock_server.streams import Streams
from mock_server.vocabulary import RetryMode, RunStatus


def list_runs(call: Call) -> Answer:
    status = call.parameters["status"]
    return Reply(
        call.world().page(
            None if status is None else RunStatus(status),
            call.parameters["limit"],
            call.parameters["offset"],
        )
    )


def get_run(call: Call) -> Answer:
    world = call.world()
    return Reply(world.body(world.find(call.parameters["run_id"])))


def cancel_run(call: Call) -> Answer:
    world = call.world()
    return Reply(world.body(world.cancel(world.find(call.parameters["run_id"]))))


def retry_run(call: Call) -> Answer:
    world = call.world()
    run = world.find(call.parameters["run_id"])
    mode, step_key = RetryMode(call.body["mode"]), call.body.get("stepKey")
    return Reply(world.body(world.retry(run, mode, step_key)))


def get_run_steps(call: Call) -> Answer:
    world = call.world()
    return Reply(world.steps(world.find(call.parameters["run_id"])))


def operations(streams: Streams) -> dict[str, Handler]:
    """The function that answers each operation, by its ``operationId``."""

    def stream_run_events(call: Call) -> Answer:
        world = call.world()
        run = world.find(call.parameters["run_id"])
        return streams.of(world, run, call.parameters["Last-Event-ID"]) or NoContent()

    return {
        "listRuns": list_runs,
        "getRun": get_run,
        "cancelRun": cancel_run,
        "streamRunEvents": stream_run_events,
        "retryRun": retry_run,
        "getRunSteps": get_run_steps,
    }
