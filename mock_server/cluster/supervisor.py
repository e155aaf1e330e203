"""The process that starts the workers, starts one that ends or hangs again, and stops all of them.

It serves nothing itself, and has no threads and no event loop: each worker is a copy of it, with
the mock that it has made. It holds the sockets, so no connection is lost while a worker starts.
"""

import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from mock_server.cluster import worker
from mock_server.cluster.ownership import Peer
from mock_server.cluster.worker import Seat, Start
from mock_server.engine.clock import monotonic
from mock_server.errors import UsageError

MAX_WORKERS = 64

_STOPPING = 15.0
"""Real seconds that workers have to stop; a worker needs up to ten for its last requests."""

_STABLE = 5.0
_DELAYS = (0.0, 0.1, 0.5, 2.0, 5.0)
"""Real seconds until a worker is started again, by how often it has ended since it was stable."""

_LOOK = 2.0
"""Real seconds between two looks at the heartbeats."""

_MISSED = 10
"""After so many looks without a heartbeat, a worker hangs."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)


def check_platform() -> None:
    """Raise UsageError where processes cannot share connections."""
    if sys.platform == "win32" or not hasattr(os, "fork"):
        raise UsageError(
            "--workers: expected 1 on this system, which cannot hand connections to other "
            "processes. Start one mock for each group of tenants instead"
        )


def open_seats(count: int) -> tuple[Path, list[Seat]]:
    """Open the sockets of ``count`` workers, in a directory for this user only, and return both.

    Raise UsageError.
    """
    place = None
    try:
        place = Path(tempfile.mkdtemp(prefix="runs-mock-"))
        names = [f"worker {number + 1}" for number in range(count)]
        peers = [Peer(name, str(place / str(index))) for index, name in enumerate(names)]
        return place, [worker.open_seat(peer) for peer in peers]
    except OSError as error:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        raise UsageError(
            f"--workers: expected a temporary directory for sockets, got {place or 'none'}: "
            f"{error.strerror or error}. Set TMPDIR to another one"
        ) from None


class Supervisor:
    """The workers of one mock."""

    def __init__(self, start: Start, place: Path, report: Callable[[str], None]) -> None:
        """``place`` is the directory of the sockets; it is removed in the end. ``report`` is called
        with a line when a worker has ended."""
        self._start = start
        self._place = place
        self._report = report
        self._workers: dict[int, int] = {}  # The index of each, by process.
        self._started: dict[int, float] = {}
        self._ended: dict[int, int] = {}  # How often, since it was stable.
        self._due: dict[int, float] = {}
        self._next_look = 0.0
        self._signals: list[int] = []
        self._alive, self._life = os.pipe()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)

    def run(self, ready: Callable[[], None]) -> int:
        """Run the workers until a signal ends them; return that, 0 where a worker cannot start.

        ``ready`` is called when all workers serve.
        """
        former = {one: signal.signal(one, self._note) for one in _SIGNALS}
        signal.set_wakeup_fd(self._wake)
        try:
            waiting = [self._fork(index) for index in range(len(self._start.seats))]
            if not self._await_ready(waiting):
                return 0
            ready()
            self._supervise()
            return self._signals[0]
        finally:
            self._stop()
            signal.set_wakeup_fd(-1)
            for one, handler in former.items():
                signal.signal(one, handler)
            shutil.rmtree(self._place, ignore_errors=True)

    def _note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _fork(self, index: int) -> int:
        """Start the worker with that index; return a descriptor from which a byte can be read when
        it serves, and the end of the file when it does not."""
        served, serving = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        process = os.fork()
        if process == 0:
            os.close(served)
            self._work(index, serving)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(serving)
        self._workers[process] = index
        self._started[index] = monotonic()
        self._start.heartbeats.begin(index)
        return served

    def _work(self, index: int, serving: int) -> NoReturn:
        """Be the worker; this process ends here."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self._life, self._woken, self._wake):
                os.close(descriptor)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            worker.run(self._start, index, serving, self._alive)
            if not select.select([self._alive], [], [], 0)[0]:
                status = 0
            else:  # The supervisor was killed, and cannot remove it.
                shutil.rmtree(self._place, ignore_errors=True)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            try:
                for stream in (sys.stdout, sys.stderr):
                    if stream is not None:  # It was closed before the start.
                        stream.flush()
            finally:
                os._exit(status)

    def _await_ready(self, waiting: Sequence[int]) -> bool:
        """Wait until every worker serves; return False when one does not, or a signal came."""
        missing = list(waiting)
        try:
            while missing and not self._signals:
                readable, _, _ = select.select([*missing, self._woken], [], [])
                self._drain()
                for descriptor in readable:
                    if descriptor in missing:
                        if not os.read(descriptor, 1):
                            return False
                        missing.remove(descriptor)
                        os.close(descriptor)
        finally:
            for descriptor in missing:
                os.close(descriptor)
        return True

    def _supervise(self) -> None:
        """Start again what ends, until a signal comes."""
        while not self._signals:
            for process, status in self._reap():
                self._restart_later(self._workers.pop(process), status)
            now = monotonic()
            for index, due in list(self._due.items()):
                if due <= now:
                    del self._due[index]
                    os.close(self._fork(index))
            if self._next_look <= now:
                self._next_look = now + _LOOK
                self._end_what_hangs()
            pause = min([self._next_look, *self._due.values()]) - now
            if not self._signals:
                select.select([self._woken], [], [], max(pause, 0))
                self._drain()

    def _end_what_hangs(self) -> None:
        for process, index in self._workers.items():
            if self._start.heartbeats.missed(index) == _MISSED:
                self._report(f"worker {index + 1} hangs, and is killed")
                os.kill(process, signal.SIGKILL)

    def _restart_later(self, index: int, status: int) -> None:
        lived = monotonic() - self._started[index]
        times = 0 if lived > _STABLE else self._ended.get(index, 0)
        self._ended[index] = times + 1
        self._due[index] = monotonic() + _DELAYS[min(times, len(_DELAYS) - 1)]
        code = os.waitstatus_to_exitcode(status)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._report(f"worker {index + 1} has ended ({how}) and is started again")

    def _reap(self) -> list[tuple[int, int]]:
        """Return the workers that have ended, and how."""
        found = []
        for process in list(self._workers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                found.append((process, status))
        return found

    def _stop(self) -> None:
        """Stop the workers; kill those that do not stop in time, or at a second signal."""
        for listener in self._start.listeners:
            listener.close()
        self._send(signal.SIGTERM)
        until, known = monotonic() + _STOPPING, len(self._signals)
        while self._workers:
            for process, _ in self._reap():
                del self._workers[process]
            left = until - monotonic()
            if left <= 0 or len(self._signals) > known:
                self._send(signal.SIGKILL)
                until, known = monotonic() + _STOPPING, len(self._signals)
            elif self._workers:
                select.select([self._woken], [], [], left)
                self._drain()

    def _send(self, number: int) -> None:
        for process in self._workers:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._woken, 512):
                pass
