"""Run checks in several processes with pytest-xdist: the input that the controller hands to its
workers, the output that they send back, and the lock that keeps exclusive checks alone."""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from conformance.client.outages import OutageStats
from conformance.client.rate_limit import RateLimitStats
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.harness.markers import info_of

try:
    import fcntl
except ImportError:  # pragma: no cover - not available on Windows
    fcntl = None  # type: ignore[assignment]

_KEY = "runs_conformance"


@dataclass(frozen=True, slots=True)
class WorkerInput:
    """The input of a worker: the settings, the seconds since the run began, and the directory of
    the lock that all workers share."""

    settings: Settings
    elapsed: float
    lock_directory: str


@dataclass(frozen=True, slots=True)
class Planned:
    """The requirements of the checks that the run is to do, and for a shard the digest of the
    division."""

    requirements: tuple[str, ...] = ()
    division: str = ""


@dataclass(frozen=True, slots=True)
class WorkerOutput:
    """The output of a worker in addition to its results: why its part is incomplete, the waits that
    rate limits cost it, which transitions came late, the outages that it met, and the checks of
    all workers."""

    problem: str
    rate_limit_stats: RateLimitStats
    came_late: frozenset[str] = frozenset()
    outage_stats: OutageStats = field(default_factory=OutageStats)
    planned: Planned = field(default_factory=Planned)


def arguments(workers: int) -> list[str]:
    """Return pytest's arguments for this many workers. Raise ConfigurationError where the system
    allows only one."""
    if workers == 1:
        return []
    if fcntl is None:
        raise ConfigurationError(
            "--workers needs file locks, which this system does not have.", "Leave it out."
        )
    words = ["-p", "xdist.plugin", "-n", str(workers), "--dist", "loadgroup"]
    # A lost worker's remaining checks go to another; a target that kills them all ends the run.
    return [*words, "--max-worker-restart", str(workers)]


def name_of(config: pytest.Config) -> str:
    """Return the name of the worker that this process is, or "" in the controller."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    return str(given.get("workerid", ""))


def input_of(config: pytest.Config) -> WorkerInput | None:
    """Return the input that the controller gave this worker; None in any other process."""
    data = getattr(config, "workerinput", {}).get(_KEY)
    # From our own controller, through the pipe that it opened.
    return None if data is None else pickle.loads(data)  # noqa: S301


def send_output(config: pytest.Config, output: WorkerOutput) -> None:
    """Send this to the controller; do nothing outside a worker."""
    sent: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if sent is not None:
        sent[_KEY] = pickle.dumps(output)


def keep_together(item: pytest.Item) -> None:
    """Send checks that share an observation to the same worker."""
    info = info_of(item)
    if info is not None and info.shares:
        item.add_marker(pytest.mark.xdist_group(info.shares))


class CheckLock:
    """A lock between processes: an exclusive check waits until all others pause, and they wait for
    it. `directory` is shared by all processes, or empty if there is only one."""

    def __init__(self, directory: str = "") -> None:
        self._directory = directory

    @contextmanager
    def hold(self, *, exclusive: bool) -> Iterator[None]:
        """Hold the lock while the body runs."""
        if not self._directory:
            yield
            return
        mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        with self._open("room") as room:
            # An exclusive check waits holding the gate: later ones could keep the room taken.
            with self._open("gate") as gate:
                fcntl.flock(gate, mode)
                fcntl.flock(room, mode)
            yield

    @contextmanager
    def _open(self, name: str) -> Iterator[int]:
        """Open a file to lock; closing it gives the lock back, and so does the process's end."""
        handle = os.open(Path(self._directory) / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield handle
        finally:
            os.close(handle)


class Controller(Protocol):
    """The engine in the process that reports, as far as workers concern it."""

    @property
    def settings(self) -> Settings:
        """The settings of the run."""

    @property
    def start(self) -> float:
        """When the run began, by the monotonic clock."""

    def report_started(self, checks: int) -> None:
        """Report how many checks there are."""

    def add_problem(self, why: str) -> None:
        """Note why the run is incomplete."""

    def add_rate_limit_stats(self, rate_limit_stats: RateLimitStats) -> None:
        """Note the waits that rate limits cost a worker."""

    def add_came_late(self, transitions: frozenset[str]) -> None:
        """Note which transitions came after a worker had given them up."""

    def add_outage_stats(self, outage_stats: OutageStats) -> None:
        """Note the outages that a worker met."""

    def set_planned(self, planned: Planned) -> None:
        """Note the checks of all workers."""


class WorkerHooks:
    """The controller's side: gives workers their input and collects their output."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._started = False
        self._locks = tempfile.TemporaryDirectory(prefix="runs-conformance-")

    def pytest_unconfigure(self) -> None:
        """Remove the lock's directory."""
        self._locks.cleanup()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand a worker its input before it starts."""
        elapsed = time.monotonic() - self._controller.start
        given = WorkerInput(self._controller.settings, elapsed, self._locks.name)
        node.workerinput[_KEY] = pickle.dumps(given)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Report the start once: all workers collect the same checks."""
        if not self._started:
            self._started = True
            self._controller.report_started(len(ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Note the check during which a worker died."""
        check = crashitem.rpartition("::")[2].partition("@")[0]
        self._controller.add_problem(f"it was running {check}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Collect the output of a worker that ended, or note that it died."""
        data = getattr(node, "workeroutput", {}).get(_KEY)
        if data is not None:
            output: WorkerOutput = pickle.loads(data)  # noqa: S301 - as in `input_of`
            self._controller.add_rate_limit_stats(output.rate_limit_stats)
            self._controller.add_came_late(output.came_late)
            self._controller.add_outage_stats(output.outage_stats)
            self._controller.set_planned(output.planned)
            if output.problem and error is None:
                self._controller.add_problem(output.problem)
        if error is not None:
            self._controller.add_problem(f"a worker died: {_first_line(error)}")


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), "no reason given")
