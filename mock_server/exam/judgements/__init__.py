"""Judgements: functions from evidence to a verdict, by the name that the catalogue uses.

A judgement whose precondition the client did not reach, or that needs reports of a client that
makes none, returns "not judged", never "passed".
"""

from collections.abc import Callable
from types import MappingProxyType

from mock_server.exam.judgements import (
    credentials,
    polling,
    requests,
    shown,
    streams,
    unknown_outcomes,
    waits,
)
from mock_server.exam.verdict import Verdict

JUDGEMENTS: MappingProxyType[str, Callable[..., Verdict]] = MappingProxyType(
    {
        function.__name__.replace("_", "-"): function
        for function in (
            streams.resumes,
            streams.stops_after_the_end,
            streams.stops_after_204,
            streams.waits_before_reconnecting,
            polling.polls,
            polling.polls_slowly,
            polling.stops_polling,
            waits.waits_retry_after,
            waits.tries_again,
            waits.backs_off,
            waits.has_jitter,
            unknown_outcomes.sends_once,
            unknown_outcomes.reads_afterwards,
            credentials.renews_once,
            credentials.gives_up,
            shown.shows_every_event,
            shown.shows_known_events,
            shown.shows_names,
            shown.shows_the_status,
            shown.shows_the_error,
            shown.shows_status_or_error,
            shown.lists_every_run,
            requests.conforms,
            requests.waits_for_the_response,
        )
    }
)
"""Every judgement, by its name in the catalogue."""
