"""The counters of faults, by which a store knows whether it has to store them again."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from mock_server.engine.enums import Operation
from mock_server.errors import HttpError
from mock_server.faults.active_rules import Faults
from mock_server.faults.rules import Rule
from mock_server.journal.exchange import Exchange

KINDS: list[dict[str, Any]] = [
    {"status": {"code": 500}, "probability": 0.5},
    {"status": {"code": 500}, "count": 2},
    {"latency": {"takes": "1ms"}, "lasts": "3s"},
    {"rateLimit": {"limit": 2, "window": "2s"}},
    {"status": {"code": 503}, "operations": ["getRun"]},
]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(KINDS),
            st.sampled_from([Operation.GET_RUN, Operation.LIST_RUNS]),
            st.sampled_from(["time", "remove", "clear", "requested"]),
        ),
        max_size=25,
    )
)
def test_the_counters_differ_exactly_when_the_content_does(
    steps: list[dict[str, Any] | Operation | str],
) -> None:
    faults, now = Faults(1, "demo"), 0
    exchange = cast(Exchange, SimpleNamespace(extra_headers=(), faults=(), number=1))
    seen = [(faults.counters(now), faults.dump(now))]
    for step in steps:
        if isinstance(step, dict):
            faults.add([Rule.model_validate(step)], now)
        elif isinstance(step, Operation):
            with suppress(HttpError):
                faults.count_request(step, exchange, now)
            faults.select(step, exchange, now)
        elif step == "time":
            now += 1_000
        elif step == "remove":
            faults.remove(1)
        elif step == "clear":
            faults.clear()
        else:
            faults.select_requested([Rule.model_validate(KINDS[0])], Operation.GET_RUN, exchange)
        seen.append((faults.counters(now), faults.dump(now)))
    for counters, content in seen:
        for other_counters, other_content in seen:
            assert (counters == other_counters) == (content == other_content)
