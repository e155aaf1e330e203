"""Which parts of the contract the client has used so far."""

from mock_server.http.call import BodyResponse, Call, Handler, NoContent, Response
from mock_server.http.explain import Explainer


def functions(explainer: Explainer) -> dict[str, Handler]:
    """Return ``showCoverage`` and ``clearCoverage``."""

    def show(call: Call) -> Response:
        journal = call.world.journal
        report = journal.coverage.report(explainer.contract, journal.response_counts())
        return BodyResponse.json({"world": call.world.name, **report})

    def clear(call: Call) -> Response:
        call.world.clear_coverage()
        return NoContent()

    return {"showCoverage": show, "clearCoverage": clear}
