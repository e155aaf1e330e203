"""The six operations of the contract, and one more that triggers a run.

Credentials are checked before anything else, so an unknown client learns nothing. Errors are raised
and become JSON at the end of this file.
"""

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from flask import Flask, Response, abort, g, jsonify, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, Unauthorized

from .automations import AUTOMATIONS
from .checks import Checks, InvalidError
from .run import Json, RefusedError, Run
from .store import LAST_EVENTS, Store
from .worker import Worker

RUNS = "/api/v1/automation-runs"
PROBLEM_TYPE = "application/problem+json"
NUMBER = re.compile(r"[0-9]{1,15}")


class RunsApi(Flask):
    """`tenants` gives the tenant of each credential; `heartbeat` is the longest that an event
    stream stays silent, in seconds."""

    def __init__(
        self, store: Store, worker: Worker, tenants: Mapping[str, str], heartbeat: float
    ) -> None:
        super().__init__(__name__, static_folder=None)
        self._store, self._worker = store, worker
        self._tenants, self._heartbeat = tenants, heartbeat
        self.config.update(MAX_CONTENT_LENGTH=64 * 1024, PROVIDE_AUTOMATIC_OPTIONS=False)
        self.url_map.merge_slashes = False
        for method, path, view in (
            ("GET", RUNS, self.list_runs),
            ("GET", f"{RUNS}/<run_id>", self.get_run),
            ("POST", f"{RUNS}/<run_id>/cancel", self.cancel_run),
            ("GET", f"{RUNS}/<run_id>/events", self.stream_run_events),
            ("POST", f"{RUNS}/<run_id>/retry", self.retry_run),
            ("GET", f"{RUNS}/<run_id>/steps", self.get_run_steps),
            ("POST", "/internal/trigger", self.trigger),
        ):
            self.add_url_rule(path, view_func=view, methods=[method])
        self.before_request(self.authenticate)
        self.register_error_handler(InvalidError, invalid)
        self.register_error_handler(HTTPException, problem)

    def authenticate(self) -> None:
        """One credential counts: the `Authorization` header, else `X-API-Key`, else the cookie."""
        credential = request.headers.get("X-API-Key") or request.cookies.get("vai_token", "")
        if "Authorization" in request.headers:
            scheme, _, value = request.headers["Authorization"].partition(" ")
            credential = value.strip() if scheme.lower() == "bearer" else ""
        g.tenant = self._tenants.get(credential)
        if request.endpoint is not None and g.tenant is None:
            challenge = WWWAuthenticate("bearer")
            raise Unauthorized("A valid credential is needed.", www_authenticate=challenge)

    def list_runs(self) -> Response:
        with Checks(request) as checks:
            status = checks.status()
            limit = checks.integer("limit", default=100, least=1, most=1000)
            offset = checks.integer("offset", default=0, least=0)
        return jsonify(self._store.page(g.tenant, status, limit, offset))

    def get_run(self, run_id: str) -> Response:
        return jsonify(self._run(run_id))

    def get_run_steps(self, run_id: str) -> Response:
        run = self._run(run_id)
        steps = self._store.steps(run["id"])
        states = [step["status"] for step in steps]
        return jsonify(
            automationRunId=run["id"],
            completedCount=states.count("completed"),
            failedCount=states.count("failed"),
            pendingCount=states.count("pending"),
            runningCount=states.count("running"),
            steps=steps,
        )

    def stream_run_events(self, run_id: str) -> Response:
        run = self._run(run_id)
        seen = request.headers.get("Last-Event-ID", "")
        after = int(seen) if NUMBER.fullmatch(seen) else 0
        last, what, _ = self._store.events(run["id"], 0)[-1]
        if after == last and what in LAST_EVENTS:
            return Response(status=HTTPStatus.NO_CONTENT)
        if after > last:
            after = 0

        def frames() -> Iterator[str]:
            for event in self._store.follow(run["id"], after, self._heartbeat):
                if event is None:
                    yield ": still here\n\n"
                else:
                    yield "id: {}\nevent: {}\ndata: {}\n\n".format(*event)

        unbuffered = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return Response(frames(), mimetype="text/event-stream", headers=unbuffered)

    def cancel_run(self, run_id: str) -> tuple[Response, HTTPStatus]:
        with self._store.change(self._run(run_id)["id"]) as run:
            accepted = run.cancel()
        self._worker.stop(run.id)
        return jsonify(run.seen()), HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK

    def retry_run(self, run_id: str) -> Response:
        with Checks(request) as checks:
            checks.run_id(run_id)
            mode, step_key = checks.retry()
        run = self._run(run_id)
        with Checks(request) as checks:
            if mode == "from_step":
                keys = [step["key"] for step in self._store.steps(run["id"])]
                checks.one_of(keys, step_key, "body", "stepKey")
        try:
            return self._launch(self._store.retry(run["id"], mode, step_key), HTTPStatus.ACCEPTED)
        except RefusedError as refused:
            abort(HTTPStatus.BAD_REQUEST, str(refused))

    def trigger(self) -> Response:
        with Checks(request) as checks:
            name = checks.json_object().get("automation", "")
            checks.one_of(AUTOMATIONS, name, "body", "automation")
        return self._launch(self._store.create(g.tenant, AUTOMATIONS[name]), HTTPStatus.CREATED)

    def _run(self, run_id: str) -> Json:
        """The run of that id, if it is one and belongs to the caller."""
        with Checks(request) as checks:
            key = checks.run_id(run_id)
        try:
            run = self._store.run(key)
        except KeyError:
            abort(HTTPStatus.NOT_FOUND, "There is not a such run.")
        if run["tenantId"] != g.tenant:
            abort(HTTPStatus.FORBIDDEN, "The run belongs to another tenant.")
        return run

    def _launch(self, run: Run, code: HTTPStatus) -> Response:
        answer = jsonify(run.seen())
        answer.status_code = code
        answer.headers["Location"] = f"{RUNS}/{run.id}"
        self._worker.submit(run)
        return answer


def invalid(error: InvalidError) -> tuple[Response, HTTPStatus]:
    """The contract's validation error."""
    return jsonify(detail=error.faults), HTTPStatus.UNPROCESSABLE_ENTITY


def problem(error: HTTPException) -> Response:
    """Every other error, also one of our own making."""
    answer = Response(status=error.code, headers=dict(error.get_headers()))
    answer.data = problem_details(answer.status_code, error.description)
    answer.content_type = PROBLEM_TYPE
    return answer


def problem_details(code: int, detail: str | None) -> bytes:
    """The body of an error that is not a validation error, after RFC 7807."""
    title = HTTPStatus(code).phrase
    body = {"type": "about:blank", "title": title, "status": code, "detail": detail or title}
    return json.dumps(body).encode()
