"""Which parts of the contract the client has met so far."""

from mock_server.http.call import BodyResponse, Call, NoContent, Response
from mock_server.http.explain import Explainer
from mock_server.http.middleware.recording import Handler


def functions(insight: Explainer) -> dict[str, Handler]:
    """``showCoverage`` and ``clearCoverage``."""

    def show(call: Call) -> Response:
        journal = call.world.journal
        report = journal.coverage.report(insight.contract, journal.answers())
        return BodyResponse.of({"world": call.world.name, **report})

    def clear(call: Call) -> Response:
        call.world.clear_coverage()
        return NoContent()

    return {"showCoverage": show, "clearCoverage": clear}
