"""The live feed of a running mock, over connections that break and mocks that start again."""

import time
from collections.abc import Iterator

import httpx2

from mock_server.cli.remote import Remote, UnreachableError
from mock_server.cli.text import echo

_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0
"""Real seconds before connecting again."""


def live_events(
    mock: Remote, topics: str, whose: str = "world"
) -> Iterator[httpx2.ServerSentEvent]:
    """Yield the events of the feed until it is interrupted; connect again whenever it breaks, and
    print that on stderr. Raise UsageError where the mock cannot be reached in the first place."""
    last_id: str | None = None
    lost, wait = False, _FIRST_WAIT
    while True:
        try:
            with mock.feed(topics, whose, last_id) as events:
                for event in events:
                    if not event.data:
                        continue
                    if lost:
                        echo(f"runs-mock: connected to {mock.url} again", err=True)
                    lost, wait = False, _FIRST_WAIT
                    last_id = event.id or last_id
                    yield event
        except UnreachableError:
            if last_id is None:
                raise
        if not lost:
            echo(f"runs-mock: no connection to {mock.url}; trying again until Ctrl-C", err=True)
        lost = True
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
