"""The exam of a client: its items, and a sitting in a world, from the situation to the verdict."""

from mock_server.exam.catalogue import catalogue
from mock_server.exam.report_line import REPORT
from mock_server.exam.sitting import Sitting, Sittings
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.http.credentials import Credentials
from mock_server.http.explain import Explainer
from mock_server.worlds.registry import Worlds
from mock_server.yaml_model import validate_item


def functions(worlds: Worlds, explainer: Explainer, credentials: Credentials) -> dict[str, Handler]:
    """Return the functions of the exam."""
    sittings = Sittings(worlds)

    def list_items(call: Call) -> Response:
        return BodyResponse.json({"items": [item.to_json() for item in catalogue().values()]})

    def start_sitting(call: Call) -> Response:
        async def work() -> Response:
            sitting = await sittings.start(call.body["item"], call.tenant)
            return BodyResponse.json(_to_json(sitting, call), 201)

        return DeferredResponse(work())

    def show_sitting(call: Call) -> Response:
        return BodyResponse.json(sittings.of(call.tenant).progress())

    def report(call: Call) -> Response:
        sitting = sittings.of(call.tenant)
        reports = call.body["reports"]
        for index, one in enumerate(reports):
            validate_item(REPORT, one, ("body", "reports", str(index)))
        for one in reports:
            sitting.report(one)
        return BodyResponse.json(sitting.progress())

    def renew(call: Call) -> Response:
        token = sittings.of(call.tenant).renew()
        cookie = f"{credentials.cookie}={token}; Path=/; SameSite=Lax"
        return BodyResponse.json({"token": token}, headers={"Set-Cookie": cookie})

    def finish(call: Call) -> Response:
        reporting = call.body.get("reporting", False)
        return BodyResponse.json(sittings.finish(call.tenant, explainer, reporting=reporting))

    return {
        "listExamItems": list_items,
        "startSitting": start_sitting,
        "showSitting": show_sitting,
        "reportShown": report,
        "renewCredential": renew,
        "finishSitting": finish,
    }


def _to_json(sitting: Sitting, call: Call) -> dict[str, object]:
    base_url = call.exchange.base_url
    return {
        "item": sitting.item.id,
        "task": sitting.item.task,
        "instruction": sitting.item.task.instruction,
        "baseUrl": base_url,
        "token": sitting.token,
        "runId": None if sitting.run is None else sitting.run.id,
        "credentialUrl": f"{base_url}/_mock/exam/credential?world={sitting.world.name}",
        "reportsUrl": f"{base_url}/_mock/exam/reports?world={sitting.world.name}",
    }
