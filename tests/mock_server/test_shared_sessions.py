"""Sessions of pages that several workers accept."""

import asyncio
import copy

import pytest

from mock_server.cluster import sessions
from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.cluster.sessions import SharedSessions
from mock_server.http.control_sessions import COOKIE, MAX_SESSIONS
from mock_server.journal.exchange import Headers

WORKERS = 3


class Workers:
    """Copies of what is made before the workers, as a fork has them."""

    def __init__(self) -> None:
        self._numbers = SharedNumbers(WORKERS)
        self._sessions = SharedSessions("the-token", WORKERS, self._numbers)

    def start(self, index: int) -> SharedSessions:
        started = copy.copy(self._sessions)
        started._numbers = copy.copy(self._numbers)
        started._numbers.index = index
        return started


def sent(cookie: str) -> Headers:
    return [(b"cookie", f"{COOKIE}={cookie}".encode())]


def test_what_has_ended_is_so_for_workers_that_start_later() -> None:
    workers = Workers()
    one, other = workers.start(0), workers.start(1)
    ended, kept = sent(one.sign_in()), sent(one.sign_in())
    assert other.is_open(ended)
    other.sign_out(ended)
    again = [one, other, workers.start(0), workers.start(2)]
    assert [each.is_open(ended) for each in again] == [False] * 4
    assert [each.is_open(kept) for each in again] == [True] * 4


@pytest.mark.parametrize("used", [1, 2, WORKERS])
def test_the_oldest_ends_whichever_workers_have_opened_them(used: int) -> None:
    workers = Workers()
    started = [workers.start(index) for index in range(WORKERS)]
    count = 2 * MAX_SESSIONS + 5
    opened = [sent(started[number % used].sign_in()) for number in range(count)]
    expected = [False] * (count - MAX_SESSIONS) + [True] * MAX_SESSIONS
    for each in started:
        assert [each.is_open(one) for one in opened] == expected


@pytest.mark.parametrize("forged", ["", "1", "1.", "1.00", "x.y", ".", "0.0"])
def test_a_cookie_that_no_worker_has_signed_is_none(forged: str) -> None:
    worker = Workers().start(0)
    worker.sign_in()
    assert not worker.is_open(sent(forged))


def test_what_watches_a_session_ends_when_another_worker_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "LOOK_SECONDS", 0.001)

    async def watched() -> None:
        workers = Workers()
        one, other = workers.start(0), workers.start(1)
        headers = sent(one.sign_in())
        ended = asyncio.Event()
        other.watch(headers, ended.set)
        one.sign_out(headers)
        await asyncio.wait_for(ended.wait(), 30)

    asyncio.run(watched())
