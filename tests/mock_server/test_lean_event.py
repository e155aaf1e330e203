"""The small event: it behaves as that of asyncio."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.lean_event import LeanEvent

Event = LeanEvent | asyncio.Event


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def observed(make: Callable[[], Event], steps: list[str]) -> list[object]:
    """Return what can be seen of an event after each of the steps."""
    event, tasks, seen = make(), list[asyncio.Task[object]](), list[object]()
    for step in steps:
        match step:
            case "set":
                event.set()
            case "clear":
                event.clear()
            case "set and clear":
                event.set()
                event.clear()
            case "wait":
                tasks.append(asyncio.create_task(event.wait()))
            case "cancel":
                if tasks:
                    tasks[len(tasks) // 2].cancel()
            case "set and cancel":
                event.set()
                if tasks:
                    tasks[-1].cancel()
        if step != "wait":
            await turns()
        seen.append(
            (event.is_set(), [(one.done(), one.done() and one.cancelled()) for one in tasks])
        )
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


@given(
    st.lists(
        st.sampled_from(
            ["set", "clear", "set and clear", "wait", "wait", "cancel", "set and cancel"]
        ),
        max_size=20,
    )
)
def test_it_does_what_the_event_of_asyncio_does(steps: list[str]) -> None:
    async def check() -> None:
        assert await observed(LeanEvent, steps) == await observed(asyncio.Event, steps)

    asyncio.run(check())


def test_what_has_waited_leaves_nothing_behind() -> None:
    async def check() -> None:
        event = LeanEvent()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await event.wait()
        assert event._waiting is None

    asyncio.run(check())
