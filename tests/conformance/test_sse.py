"""Event streams are read as browsers read them, and what browsers would drop is reported."""

from __future__ import annotations

import pytest

from conformance.client.sse import Parser


def parsed(*chunks: bytes) -> Parser:
    """A parser that was fed these chunks and has seen the end."""
    parser = Parser()
    for number, chunk in enumerate(chunks):
        parser.feed(chunk, float(number))
    parser.end()
    return parser


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_end_of_line_will_do(end: bytes) -> None:
    """The standard knows three; a chunk may end in the middle of one."""
    text = end.join([b"id: 7", b"event: run.started", b"data: {", b"data: }", b"", b""])
    whole = parsed(text)
    assert [(f.id, f.event, f.data) for f in whole.events] == [("7", "run.started", "{\n}")]
    assert whole.faults == []
    pieces = parsed(*(text[i : i + 1] for i in range(len(text))))
    assert [f.data for f in pieces.events] == ["{\n}"]


def test_comments_are_heartbeats_only() -> None:
    """They are counted and dispatch nothing."""
    parser = parsed(b": still here\n\n")
    assert (parser.comments, parser.events, parser.faults) == (1, [], [])


def test_an_id_stays_until_the_next() -> None:
    """The last id holds for events without one, as `Last-Event-ID` would have it."""
    assert [f.id for f in parsed(b"id: 1\ndata: a\n\ndata: b\n\n").events] == ["1", "1"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"event": "x"}\n\n', "no field that browsers know"),
        (b"data: \xff\n\n", "not UTF-8"),
        (b"data: cut off", "ended within an event"),
        (b"data: no blank line\n", "ended within an event"),
        (b"retry: soon\ndata: a\n\n", "'retry' has the value 'soon'"),
    ],
)
def test_what_browsers_drop_is_reported(text: bytes, fault: str) -> None:
    """Each with the reason."""
    (found,) = parsed(text).faults
    assert fault in found
