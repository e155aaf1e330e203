"""The journal: the requests, and the explanation of each response."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, RequestValidationError
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, Response
from mock_server.http.explain import Explainer
from mock_server.journal.exchange import Exchange
from mock_server.journal.expectation import Expectation, verify
from mock_server.journal.journal import MAX_EXCHANGES, Journal
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds, explainer: Explainer) -> dict[str, Handler]:
    """Return ``listRequests``, ``countRequests``, ``getRequest``, ``clearRequests`` and
    ``verifyRequests``."""

    def journals(call: Call) -> list[Journal]:
        match call.parameters["whose"]:
            case "none" | "nobody":
                return [explainer.unassigned]
            case "all":
                return [explainer.unassigned, *(world.journal for world in worlds)]
            case _:
                return [call.world.journal]

    def verify_requests(call: Call) -> Response:
        since = call.parameters["from"] or 0
        exchanges = [one for journal in journals(call) for one in journal if one.number >= since]
        expectations = list(_expectations(call.body["expectations"]))

        async def respond() -> Response:
            whose = call.parameters["whose"].replace("nobody", "none")
            if worlds.peers is not None and whose != "world":
                if call.body.get("inOrder", False) and not worlds.peers.ordered:
                    raise HttpError(
                        409,
                        "inOrder: the requests of several replicas have no order. Verify those of "
                        "one world.",
                    )
                found = await worlds.peers.exchanges(whose)
                exchanges.extend(one for one in found if one.number >= since)
            work = verify(
                exchanges,
                expectations,
                in_order=call.body.get("inOrder", False),
                no_others=call.body.get("noOthers", False),
            )
            return BodyResponse.json(await worlds.runner.run(work))

        return DeferredResponse(respond())

    def list_requests(call: Call) -> Response:
        found = list(_matching(call, journals(call)))
        found.sort(key=lambda exchange: exchange.number, reverse=True)
        items = [explainer.entry(one) for one in islice(found, call.parameters["limit"])]
        return BodyResponse.json({"items": items, "total": len(found)})

    def count_requests(call: Call) -> Response:
        found = list(_matching(call, journals(call)))
        operations = Counter(one.operation or "none" for one in found)
        statuses = Counter("none" if one.status is None else str(one.status) for one in found)
        return BodyResponse.json(
            {
                "total": len(found),
                "byOperation": dict(sorted(operations.items())),
                "byStatus": dict(sorted(statuses.items())),
            }
        )

    def get_request(call: Call) -> Response:
        number = call.parameters["number"]
        for journal in (explainer.unassigned, *(world.journal for world in worlds)):
            exchange = journal.find(number)
            if exchange is not None:
                return BodyResponse.json(explainer.entry(exchange))
        raise HttpError(
            404,
            f"Request {number} is in no journal: it was none of the API's, or it is not among the "
            f"newest {MAX_EXCHANGES} of its world, or that world was reset.",
        )

    def clear_requests(call: Call) -> Response:
        cleared = 0
        for journal in journals(call):
            cleared += len(journal)
            journal.clear()
        return BodyResponse.json({"cleared": cleared})

    return {
        "listRequests": list_requests,
        "countRequests": count_requests,
        "getRequest": get_request,
        "clearRequests": clear_requests,
        "verifyRequests": verify_requests,
    }


def _expectations(given: list[Json]) -> Iterator[Expectation]:
    """Yield the expectations of a request. Raise RequestValidationError."""
    for index, each in enumerate(given):
        try:
            yield Expectation(each)
        except ValueError as error:
            raise RequestValidationError.at(
                ("body", "expectations", str(index)), str(error)
            ) from None


def _matching(call: Call, journals: Iterable[Journal]) -> Iterable[Exchange]:
    """Return the exchanges of ``journals`` that match every filter of the call."""
    asked = call.parameters
    tests: list[Callable[[Exchange], bool]] = []
    if (operation := asked["operation"]) is not None:
        tests.append(lambda one: (one.operation or "none") == operation)
    if (status := asked["status"]) is not None:
        digits = status.rstrip("x")
        tests.append(lambda one: str(one.status).startswith(digits))
    if (since := asked["from"]) is not None:
        tests.append(lambda one: one.number >= since)
    if (method := asked["method"]) is not None:
        tests.append(lambda one: one.method == method)
    match asked["with"]:
        case "faults":
            tests.append(lambda one: bool(one.faults))
        case "flaws":
            tests.append(lambda one: bool(one.errors))
    return (one for one in chain.from_iterable(journals) if all(test(one) for test in tests))
