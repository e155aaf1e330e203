"""A response that waits in real time until a run has a status: for tests with a running clock."""

import asyncio

from starlette.types import Receive, Send

from mock_server.engine.enums import RunStatus
from mock_server.engine.run import Run
from mock_server.errors import HttpError
from mock_server.faults.delay import until_disconnected
from mock_server.http.call import BodyResponse
from mock_server.worlds.cooperative import WorkRunner
from mock_server.worlds.world import World


class LongPoll:
    """The run as soon as it has one of ``statuses``.

    An error response after ``timeout`` real seconds (409), when the world is reset (409) and when
    the mock stops (503), which ``runner`` shows.
    """

    def __init__(
        self,
        world: World,
        runner: WorkRunner,
        run: Run,
        statuses: frozenset[RunStatus],
        timeout: float,
    ) -> None:
        self._world = world
        self._runner = runner
        self._run = run
        self._statuses = statuses
        self._timeout = timeout

    async def __call__(self, receive: Receive, send: Send) -> None:
        awake = asyncio.Event()
        unsubscribe = self._world.subscribe(self._run, awake.set)
        self._world.wakeup.arm()
        over = asyncio.create_task(until_disconnected(receive))
        over.add_done_callback(lambda _: awake.set())
        timer = asyncio.get_running_loop().call_later(self._timeout, over.cancel)
        try:
            while not self._reached() and not over.done() and not self._world.closed:
                awake.clear()
                await awake.wait()
        finally:
            timer.cancel()
            over.cancel()
            unsubscribe()
        if not self._reached():
            if self._runner.closed:
                raise HttpError(503, "The mock is stopping.")
            if self._world.closed:
                raise HttpError(409, "The world was reset meanwhile: the run is gone.")
            wanted = " or ".join(sorted(self._statuses))
            raise HttpError(
                409,
                f"The run is {self._run.state.status} after {self._timeout:g} seconds of waiting "
                f"for {wanted}{self._hint()}",
            )
        await BodyResponse(self._world.peek(self._run))(receive, send)

    def _hint(self) -> str:
        if self._run.finished:
            return ": it has ended, and goes on only when it is retried."
        if self._world.clock.frozen:
            return ": the clock is frozen, so resume or advance it."
        return "."

    def _reached(self) -> bool:
        return self._run.state.status in self._statuses
