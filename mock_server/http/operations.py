"""The operations of the contract, called with validated requests."""

from mock_server.engine.behaviour import ForeignRun
from mock_server.engine.enums import RetryMode, RunStatus
from mock_server.engine.run import Run
from mock_server.errors import HttpError, UnknownRunError
from mock_server.http.call import BodyResponse, Call, Handler, NoContent, Response
from mock_server.http.event_stream import HEADERS, EventStreams
from mock_server.worlds.world import World

_STATUSES: frozenset[str] = frozenset(RunStatus)


def list_runs(call: Call) -> Response:
    status = call.parameters["status"]
    if status is not None and status not in _STATUSES:
        call.exchange.question = "Q05"
        return BodyResponse(b'{"items":[],"total":0}')
    if call.parameters["limit"] < 1:
        call.exchange.question = "Q06"
    return BodyResponse(
        call.world.page(
            None if status is None else RunStatus(status),
            call.parameters["limit"],
            call.parameters["offset"],
        )
    )


def get_run(call: Call) -> Response:
    return BodyResponse(call.world.body(_run(call)))


def cancel_run(call: Call) -> Response:
    run = _run(call)
    unchanged, running = run.finished, run.state.status is RunStatus.RUNNING
    call.exchange.question = "Q02" if unchanged else "Q10" if running else "Q22"
    call.world.cancel(run)
    return BodyResponse(call.world.body(run), 200 if unchanged else _success(call.world))


def retry_run(call: Call) -> Response:
    run = _run(call)
    unchanged = not run.finished
    if call.exchange.question is None:  # Without a body it is the question of the absent body.
        call.exchange.question = "Q03" if unchanged else "Q01"
    retried = call.world.retry(run, RetryMode(call.body["mode"]), call.body.get("stepKey"))
    return BodyResponse(call.world.body(retried), 200 if unchanged else _success(call.world))


def get_run_steps(call: Call) -> Response:
    return BodyResponse(call.world.steps(_run(call)))


def operations(streams: EventStreams) -> dict[str, Handler]:
    """Return the function of each operation by its ``operationId``."""

    def stream_run_events(call: Call) -> Response:
        run = _run(call)
        last_event_id = call.parameters["Last-Event-ID"]
        stream = streams.open(call.world, run, last_event_id, call.exchange)
        if run.finished:
            call.exchange.question = "Q14" if stream is None else "Q13"
        if stream is not None and call.exchange.method == "HEAD":
            return NoContent(HEADERS, 200)  # As GET, without opening the stream.
        return stream or NoContent()

    return {
        "listRuns": list_runs,
        "getRun": get_run,
        "cancelRun": cancel_run,
        "streamRunEvents": stream_run_events,
        "retryRun": retry_run,
        "getRunSteps": get_run_steps,
    }


def _run(call: Call) -> Run:
    """Return the run of the call. Raise HttpError: 404, or 403 for another tenant's run where the
    behaviour says so."""
    run_id = call.parameters["run_id"]
    run = call.world.find(run_id)
    if run is not None:
        return run
    if call.world.behaviour.foreign_run is ForeignRun.FORBIDDEN:
        foreign = HttpError(403, "The run is another tenant's", question="Q09")
        if call.worlds.run_exists(run_id):
            raise foreign
        if call.worlds.peers is not None:
            raise UnknownRunError(run_id, foreign, call.worlds.peers.run_exists)
    raise HttpError(404, "Run not found", question="Q09")


def _success(world: World) -> int:
    return world.behaviour.success.code
