"""The open event streams of a world: which client follows which run."""

from mock_server.engine.clock import to_text
from mock_server.engine.run_state import Json
from mock_server.http.call import BodyResponse, Call, Handler, Response
from mock_server.http.event_stream import EventStream, EventStreams
from mock_server.journal.redaction import Redaction


def functions(streams: EventStreams) -> dict[str, Handler]:
    """Return ``listStreams``."""

    def list_streams(call: Call) -> Response:
        found = [one for one in streams.opened if one.world is call.world]
        found.sort(key=lambda stream: stream.exchange.number, reverse=True)
        items = [_to_json(one) for one in found[: call.parameters["limit"]]]
        return BodyResponse.json({"items": items, "total": len(found)})

    return {"listStreams": list_streams}


def _to_json(stream: EventStream) -> Json:
    exchange, run = stream.exchange, stream.run
    headers = Redaction(exchange.headers, exchange.query, exchange.tenant).headers()
    return {
        "request": exchange.number,
        "run": run.id,
        "status": run.state.status,
        "openedAt": None if exchange.at is None else to_text(exchange.at),
        "position": stream.position,
        "events": run.event_count,
        "userAgent": headers.get("user-agent"),
    }
