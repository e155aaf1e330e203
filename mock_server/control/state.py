"""The state of a world: export, import, and a link that restores it."""

from typing import Any

from jinja2 import Environment, PackageLoader

from mock_server.control.worlds import to_json
from mock_server.engine.clock import to_text
from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.http.html_headers import page_headers, wants_page
from mock_server.worlds import repro_link, snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

_RUNS = "/api/v1/automation-runs"


def functions(worlds: Worlds) -> dict[str, Handler]:
    """Return the functions that export and import, and those of links."""
    pages = Environment(loader=PackageLoader("mock_server"), autoescape=True)

    async def export_state(call: Call) -> Response:
        return BodyResponse(await worlds.runner.run(snapshot.write(call.world)))

    async def import_state(call: Call) -> Response:
        return BodyResponse.json(to_json(await worlds.restore(call.body, call.tenant)))

    async def make_repro(call: Call) -> Response:
        return _link_response(call, *await worlds.runner.run(_pack(call)))

    async def show_repro(call: Call) -> Response:
        token = call.parameters["token"]
        world = await repro_link.read(worlds, token)
        try:
            return _situation_response(call, pages, {"opened": False, **_situation(call, world)})
        finally:
            worlds.dispose(world)

    async def open_repro(call: Call) -> Response:
        world = await repro_link.open_world(worlds, call.parameters["token"])
        return _situation_response(call, pages, {"opened": True, **_situation(call, world)}, 201)

    return {
        "exportState": lambda call: DeferredResponse(export_state(call)),
        "importState": lambda call: DeferredResponse(import_state(call)),
        "makeRepro": lambda call: DeferredResponse(make_repro(call)),
        "showRepro": lambda call: DeferredResponse(show_repro(call)),
        "openRepro": lambda call: DeferredResponse(open_repro(call)),
    }


def _pack(call: Call) -> Work[tuple[str, int, int]]:
    """Return the token for the runs that the call names, their number, and the number of others."""
    world, ids = call.world, call.body.get("runs")
    if ids is None:
        token, count = yield from repro_link.pack_newest(world)
        return token, count, len(world) - count
    runs = {run.number: run for run in (_run(world, run_id) for run_id in ids)}
    token = yield from repro_link.pack(world, [runs[number] for number in sorted(runs)])
    return token, len(runs), len(world) - len(runs)


def _link_response(call: Call, token: str, count: int, omitted_runs: int) -> Response:
    return BodyResponse.json(
        {
            "link": f"{_base(call)}/_mock/repro/{token}",
            "token": token,
            "runs": count,
            "leftOut": omitted_runs,
        }
    )


def _run(world: World, run_id: str) -> Run:
    run = world.find(run_id.lower())
    if run is None:
        raise HttpError(404, f"The world {world.name!r} has no run {run_id}")
    return run


def _situation(call: Call, world: World) -> Json:
    """Return the situation of a link."""
    default = call.worlds.settings.behaviour.answers()
    base = _base(call)
    return {
        "key": world.name,
        "origin": world.origin,
        "story": world.origin,
        "seed": world.seed,
        "now": to_text(world.engine.now),
        "frozen": world.clock.frozen,
        "scale": world.clock.scale,
        "behaviour": {q: a for q, a in world.behaviour.answers().items() if a != default[q]},
        "faults": [active.to_json() for active in world.faults],
        "runs": [_listed(run, base) for run in reversed(list(world.runs()))],
    }


def _listed(run: Run, base: str) -> Json:
    return {
        "id": run.id,
        "scenario": run.scenario.name,
        "status": run.state.status,
        "url": f"{base}{_RUNS}/{run.id}",
    }


def _situation_response(
    call: Call, pages: Environment, found: dict[str, Any], status: int = 200
) -> Response:
    """Return ``found`` as a page for a browser, as JSON for any other client."""
    target = found["runs"][0]["url"] if found["runs"] else f"{_base(call)}{_RUNS}"
    found["curl"] = f"curl -H 'X-API-Key: {found['key']}' '{target}'" if found["opened"] else None
    if not found["opened"]:
        found["key"] = None
    if not wants_page(call.exchange.headers):
        return BodyResponse.json(found, status)
    page = pages.get_template("repro.html").render(found)
    return BodyResponse(
        page.encode(), status, page_headers(), content_type="text/html; charset=utf-8"
    )


def _base(call: Call) -> str:
    """Return the base URL of this mock in the request."""
    return call.exchange.base_url
