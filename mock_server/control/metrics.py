"""The counters of the process, for Prometheus."""

from collections import Counter

from mock_server import __version__
from mock_server.engine.enums import RunStatus
from mock_server.http.call import BodyResponse, Call, Handler, Response
from mock_server.http.event_stream import EventStreams
from mock_server.http.explain import Explainer
from mock_server.journal.metrics import CONTENT_TYPE, family
from mock_server.worlds.registry import Worlds


def functions(worlds: Worlds, streams: EventStreams, explainer: Explainer) -> dict[str, Handler]:
    """Return ``showMetrics``."""

    def show(call: Call) -> Response:
        runs = Counter(dict.fromkeys(RunStatus, 0))
        for world in worlds:
            runs.update(world.counts())
        text = "".join(
            [
                family("runs_mock_info", "gauge", "The mock.", [({"version": __version__}, 1)]),
                *explainer.metrics.text(),
                family("runs_mock_worlds", "gauge", "Worlds that are open.", [({}, len(worlds))]),
                family(
                    "runs_mock_runs",
                    "gauge",
                    "Runs of all worlds, by status, as of when each was last looked at.",
                    [({"status": status}, count) for status, count in runs.items()],
                ),
                family(
                    "runs_mock_streams",
                    "gauge",
                    "Event streams that are open.",
                    [({}, streams.open_count)],
                ),
                family(
                    "runs_mock_events_sent_total",
                    "counter",
                    "Events that were sent to streams.",
                    [({}, streams.sent_events)],
                ),
            ]
        )
        return BodyResponse(text.encode(), content_type=CONTENT_TYPE)

    return {"showMetrics": show}
