"""Which parts of the contract the client has met so far."""

from mock_server.http.call import Answer, Call, NoContent, Reply
from mock_server.http.explain import Insight
from mock_server.http.middleware.recording import Handler


def functions(insight: Insight) -> dict[str, Handler]:
    """``showCoverage`` and ``clearCoverage``."""

    def show(call: Call) -> Answer:
        journal = call.world.journal
        report = journal.coverage.report(insight.contract, journal.answers())
        return Reply.of({"world": call.world.name, **report})

    def clear(call: Call) -> Answer:
        call.world.forget_coverage()
        return NoContent()

    return {"showCoverage": show, "clearCoverage": clear}
