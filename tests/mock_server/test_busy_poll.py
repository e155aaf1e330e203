"""The event loop sleeps while a reply is awaited, unless it may come at once."""

import asyncio

import pytest

from mock_server.store import busy_poll
from mock_server.store.busy_poll import SOON, BusyPoll


class Time:
    """A clock that goes on with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += SOON / 100
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    monkeypatch.setattr(busy_poll, "monotonic", found)
    return found


async def turns(poll: BusyPoll, time: Time) -> int:
    """In how many turns of the loop it looks at the clock, until it no longer does."""
    count = 0
    while True:
        before = time.now
        await asyncio.sleep(0)
        if time.now == before:
            return count
        count += 1


def test_the_first_wait_sleeps(time: Time) -> None:
    async def check() -> None:
        poll = BusyPoll()
        poll.begin()
        assert await turns(poll, time) == 0

    asyncio.run(check())


def test_after_a_reply_that_came_at_once_the_loop_stays_awake_for_a_moment(time: Time) -> None:
    async def check() -> None:
        poll = BusyPoll()
        poll.end(poll.begin())
        poll.begin()
        assert 90 < await turns(poll, time) < 110

    asyncio.run(check())


def test_after_a_reply_that_took_longer_the_loop_sleeps(time: Time) -> None:
    async def check() -> None:
        poll = BusyPoll()
        poll.end(poll.begin())
        began = poll.begin()
        time.now += SOON
        poll.end(began)
        await turns(poll, time)
        poll.begin()
        assert await turns(poll, time) == 0

    asyncio.run(check())


def test_with_the_last_reply_the_loop_may_sleep(time: Time) -> None:
    """Several that are awaited at once take no more turns than one."""

    async def check() -> None:
        poll = BusyPoll()
        poll.end(poll.begin())
        waits = [poll.begin() for _ in range(3)]
        looks = time.now
        await asyncio.sleep(0)
        assert round((time.now - looks) / (SOON / 100)) == 1
        for began in waits:
            poll.end(began)
        assert await turns(poll, time) <= 1

    asyncio.run(check())
