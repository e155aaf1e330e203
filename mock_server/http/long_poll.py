"""Waiting in real time until a run has a wanted status: for test suites on a running clock."""

import asyncio

from starlette.types import Receive, Send

from mock_server.engine.enums import RunStatus
from mock_server.engine.run import Run
from mock_server.errors import Refused
from mock_server.faults.delay import until_gone
from mock_server.http.call import Reply
from mock_server.worlds.cooperative import Slices
from mock_server.worlds.world import World


class Waiting:
    """An answer that comes when ``run`` has one of ``statuses``, or after ``timeout`` real
    seconds, then as a refusal (409); or at once when the world is reset (409) or the mock stops
    (503), which ``slices`` tell."""

    def __init__(
        self,
        world: World,
        slices: Slices,
        run: Run,
        statuses: frozenset[RunStatus],
        timeout: float,
    ) -> None:
        self._world = world
        self._slices = slices
        self._run = run
        self._statuses = statuses
        self._timeout = timeout

    async def __call__(self, receive: Receive, send: Send) -> None:
        awake = asyncio.Event()
        leave = self._world.follow(self._run, awake.set)
        self._world.pulse.arm()
        over = asyncio.create_task(until_gone(receive))
        over.add_done_callback(lambda _: awake.set())
        timer = asyncio.get_running_loop().call_later(self._timeout, over.cancel)
        try:
            while not self._reached() and not over.done() and not self._world.closed:
                awake.clear()
                await awake.wait()
        finally:
            timer.cancel()
            over.cancel()
            leave()
        if not self._reached():
            if self._slices.closed:
                raise Refused(503, "The mock is stopping.")
            if self._world.closed:
                raise Refused(409, "The world was reset meanwhile: the run is gone.")
            wanted = " or ".join(sorted(self._statuses))
            raise Refused(
                409,
                f"The run is {self._run.state.status} after {self._timeout:g} seconds of waiting "
                f"for {wanted}{self._hint()}",
            )
        await Reply(self._world.glimpse(self._run))(receive, send)

    def _hint(self) -> str:
        if self._run.finished:
            return ": it has ended, and goes on only when it is retried."
        if self._world.clock.frozen:
            return ": the clock is frozen, so resume or advance it."
        return "."

    def _reached(self) -> bool:
        return self._run.state.status in self._statuses
