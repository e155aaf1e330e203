"""What a subscriber that resumes has to receive."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import cast

import pytest

from conformance.checks.support.resumption import continues
from conformance.client.sse import ServerSentEvent
from conformance.client.stream import Stream
from conformance.errors import CheckFailed


def stream(ids: str) -> Stream:
    """A stream of events with these ids, in which nothing but the id differs."""
    events = [ServerSentEvent("e", "{}", one, 0.0) for one in ids]
    return cast("Stream", SimpleNamespace(events=events, exchange=None))


@pytest.mark.parametrize(
    ("full", "resumed", "complete"),
    [
        ("abcd", "cd", True),
        ("abcd", "d", False),
        ("abcd", "ccd", False),
        ("abcd", "bcd", False),
        ("abcd", "", False),
        # Whether a second end is still read is a matter of chance, and of other requirements.
        ("abcdd", "cd", True),
        ("abcd", "cdd", True),
        ("abcdd", "d", False),
    ],
)
def test_after_an_id_comes_the_rest(full: str, resumed: str, complete: bool) -> None:
    """Each event once, up to the end."""
    with nullcontext() if complete else pytest.raises(CheckFailed):
        continues(stream(full), "b", stream(resumed))
