"""The mock's yardstick: a bare Starlette application on orjson with the contract's routes.

What one would write by hand in an afternoon: runs are dicts in memory, each answer is
``orjson.dumps`` of them. No credential, no validation, no time, no cached bytes. Served by uvicorn
with the settings of the mock.
"""

import sys
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.server import API


def application(runs: list[dict[str, object]]) -> Starlette:
    """Serves ``runs``, newest first."""
    by_id = {run["id"]: run for run in runs}

    def found(request: Request) -> dict[str, object]:
        run = by_id.get(request.path_params["run_id"])
        if run is None:
            raise HTTPException(404)
        return run

    async def list_runs(request: Request) -> Response:
        limit = int(request.query_params.get("limit", 100))
        offset = int(request.query_params.get("offset", 0))
        return _json({"items": runs[offset : offset + limit], "total": len(runs)})

    async def one_run(request: Request) -> Response:
        return _json(found(request))

    async def no_steps(request: Request) -> Response:
        return _json({"automationRunId": found(request)["id"], "steps": []})

    return Starlette(
        routes=[
            Route(API, list_runs),
            Route(f"{API}/{{run_id}}", one_run),
            Route(f"{API}/{{run_id}}/cancel", one_run, methods=["POST"]),
            Route(f"{API}/{{run_id}}/events", one_run),
            Route(f"{API}/{{run_id}}/retry", one_run, methods=["POST"]),
            Route(f"{API}/{{run_id}}/steps", no_steps),
        ]
    )


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def main(port: str, runs: str) -> None:
    """``runs`` is a file with a JSON list of them."""
    uvicorn.run(
        application(orjson.loads(Path(runs).read_bytes())),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=60,
        backlog=4_096,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
