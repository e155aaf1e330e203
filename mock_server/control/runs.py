"""Runs: create, wait for, end and decide, and arrivals."""

from pathlib import Path
from typing import Any

import orjson

from mock_server.engine.enums import FINISHED, RunStatus, StepStatus
from mock_server.engine.fake_data import reject_placeholders
from mock_server.engine.json_value import MAX_ERROR_SIZE, check_json
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run import Run
from mock_server.engine.scenario import Scenario, ScenarioFile, StepChange, build
from mock_server.errors import (
    ErrorDetail,
    FileError,
    HttpError,
    RequestValidationError,
    unknown_name,
)
from mock_server.http.call import BodyResponse, Call, Handler, NoContent, Response
from mock_server.http.long_poll import LongPoll
from mock_server.worlds.arrivals import Arrivals
from mock_server.worlds.registry import Worlds
from mock_server.yaml_model import validate_request


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return the functions that create and change runs."""

    def create_run(call: Call) -> Response:
        scenario = _scenario(call.worlds, call.body["scenario"])
        changes = {
            key: validate_request(StepChange, change, ("body", "changes", key))
            for key, change in call.body.get("changes", {}).items()
        }
        unknown = [key for key in changes if key not in scenario.indexes]
        if unknown:
            known = ", ".join(scenario.indexes) or "none"
            msg = f"Value error, {scenario.name} has no such step; its steps: {known}"
            raise RequestValidationError(
                [ErrorDetail(("body", "changes", key), msg, "value_error") for key in unknown]
            )

        try:
            run = call.world.create(scenario.changed(changes) if changes else scenario)
        except ValueError as error:
            raise RequestValidationError.at(("body", "changes"), str(error)) from None
        location = {"Location": f"{call.exchange.public.prefix}/api/v1/automation-runs/{run.id}"}
        return BodyResponse(call.world.peek(run), 201, location)

    def wait_for_run(call: Call) -> Response:
        wanted = frozenset(map(RunStatus, call.body.get("statuses", FINISHED)))
        timeout = call.body.get("timeoutSeconds", 30)
        return LongPoll(call.world, worlds.runner, _run(call), wanted, timeout)

    def end_run(call: Call) -> Response:
        run, outcome = _run(call), RunStatus(call.body["outcome"])
        key, error = call.body.get("step"), call.body.get("error")
        if error is not None and outcome is not RunStatus.FAILED:
            msg = f"Value error, what ends as {outcome} has no error; leave it out"
            raise RequestValidationError([ErrorDetail(("body", "error"), msg, "value_error")])
        if error is not None:
            try:
                check_json(error, MAX_ERROR_SIZE)
                reject_placeholders(orjson.dumps(error).decode())
            except ValueError as problem:
                raise RequestValidationError.at(("body", "error"), str(problem)) from None
        if key is None:
            call.world.change_run(lambda engine: engine.force(run, outcome, error))
        elif outcome is RunStatus.CANCELLED:
            error_detail = ErrorDetail(
                ("body", "outcome"), "Input should be 'completed' or 'failed'", "enum"
            )
            raise RequestValidationError([error_detail])
        else:
            index = _step(run, key)
            call.world.change_run(lambda engine: engine.force_step(run, index, outcome, error))
        return BodyResponse(call.world.peek(run))

    def decide(call: Call) -> Response:
        run, key = _run(call), call.body.get("step")
        index = _awaiting_step(run) if key is None else _step(run, key)
        call.world.change_run(lambda engine: engine.decide(run, index, call.body["approved"]))
        return BodyResponse(call.world.peek(run))

    def set_arrivals(call: Call) -> Response:
        world = call.world
        weights = call.body.get("scenarios") or dict.fromkeys(DEFAULT_ARRIVALS, 1.0)
        mix = [(_scenario(call.worlds, name), weight) for name, weight in weights.items()]
        rng = SeededRandom(world.seed, world.origin, "arrivals")
        world.set_arrivals(Arrivals(call.body["perMinute"], mix, rng, world.engine.now))
        return show_arrivals(call)

    def stop_arrivals(call: Call) -> Response:
        call.world.set_arrivals(None)
        return NoContent()

    return {
        "createRun": create_run,
        "waitForRun": wait_for_run,
        "endRun": end_run,
        "decideRun": decide,
        "showArrivals": show_arrivals,
        "setArrivals": set_arrivals,
        "stopArrivals": stop_arrivals,
    }


DEFAULT_ARRIVALS = ("quick-success", "diamond", "flaky", "failure-in-the-middle", "long-haul")


def show_arrivals(call: Call) -> Response:
    arrivals = call.world.arrivals
    mix = arrivals.mix if arrivals else []
    return BodyResponse.json(
        {
            "perMinute": arrivals.per_minute if arrivals else 0,
            "scenarios": {scenario.name: weight for scenario, weight in mix},
        }
    )


def _scenario(worlds: Worlds, given: str | dict[str, Any]) -> Scenario:
    """Return the scenario of that name, or the one in the request. Raise HttpError or
    RequestValidationError."""
    if isinstance(given, dict):
        file = validate_request(ScenarioFile, given, ("body", "scenario"))
        try:
            return build("custom", file, Path("scenario"), {})
        except FileError as error:
            loc = ("body", "scenario", error.key)
            raise RequestValidationError(
                [ErrorDetail(loc, f"Value error, {error.problem}", "value_error")]
            ) from None
    scenario = worlds.scenarios.get(given)
    if scenario is None:
        raise HttpError(404, unknown_name("scenario", given, worlds.scenarios))
    return scenario


def _run(call: Call) -> Run:
    run = call.world.find(call.parameters["run_id"])
    if run is None:
        raise HttpError(404, f"The world {call.tenant!r} does not have this run")
    return run


def _step(run: Run, key: str) -> int:
    index = run.scenario.indexes.get(key)
    if index is None:
        known = ", ".join(run.scenario.indexes) or "none"
        raise HttpError(404, f"The run has no step {key!r}; its steps: {known}")
    return index


def _awaiting_step(run: Run) -> int:
    """Return the first step that awaits a decision. Raise HttpError without one."""
    for index, step in enumerate(run.state.steps):
        if step.status is StepStatus.AWAITING_APPROVAL:
            return index
    raise HttpError(409, f"The run is {run.state.status}: no step awaits a decision.")
