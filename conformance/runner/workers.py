"""Several processes side by side, by pytest-xdist: what is handed to them, which checks must stay
together, and what is heard of them beside their results."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any, Protocol

import pytest

from conformance.client.rate_limit import Refusals
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError

try:
    import fcntl
except ImportError:  # pragma: no cover - there is no such thing on Windows
    fcntl = None  # type: ignore[assignment]

_SPENT = "runs_conformance_spent"
_TROUBLE = "runs_conformance_trouble"
_LIMITED = "runs_conformance_limited"
_SEED = "runs_conformance_seed"
_HOME = "runs_conformance_home"
# Checks that build on one long observation: each worker that had one of them would make its own.
_TOGETHER = {"fuzz": "fuzz", "model": "model", "events": "watched", "life": "watched"}

# Checks that count the tenant's runs, or compare readings of the list: none is made meanwhile.
_ALONE = frozenset(
    {"HTTP-09", "LIST-09", "LIST-10", "LIST-11", "LIST-12", "LIST-13", "RETRY-13", "RETRY-15"}
)


def arguments(workers: int) -> list[str]:
    """What pytest is told for this many; nothing for one. A ConfigurationError where there can be
    only one."""
    if workers == 1:
        return []
    if fcntl is None:
        raise ConfigurationError(
            "--workers needs file locks, which this system has not.", "Leave it out."
        )
    words = ["-p", "xdist.plugin", "-n", str(workers), "--dist", "loadgroup"]
    # What a lost worker had still to do goes to the next; a target that kills them all ends it.
    return [*words, "--max-worker-restart", str(workers)]


def name_of(config: pytest.Config) -> str:
    """The name of the worker that this process is, or "" if it is none."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    return str(given.get("workerid", ""))


def begun(config: pytest.Config) -> float:
    """When the whole run began, by this process's monotonic clock."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    return time.monotonic() - float(given.get(_SPENT, 0.0))


def keep_together(item: pytest.Item) -> None:
    """Mark a check that must be where others are."""
    module = item.nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    if module in _TOGETHER:
        item.add_marker(pytest.mark.xdist_group(_TOGETHER[module]))


class Turns:
    """Whose turn it is among processes: what must be alone waits until all others pause, and they
    wait for it. `home` is a directory that all of them share, or empty: there are no others."""

    def __init__(self, home: str) -> None:
        self._home = home

    @contextmanager
    def take(self, requirement_id: str) -> Iterator[None]:
        """Hold a turn for a check of this requirement while the body runs."""
        if not self._home:
            yield
            return
        alone = requirement_id in _ALONE
        with self._locked("room") as room:
            # Who waits to be alone holds the gate, or newcomers would keep the room taken for ever.
            with self._locked("gate") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
                fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    @contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        """A file to lock; closing it gives the lock back, and so does the end of the process."""
        handle = os.open(Path(self._home) / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield handle
        finally:
            os.close(handle)


def handed_on(config: pytest.Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as given; in a worker, with the seed that the front has chosen, if it has."""
    seed = getattr(config, "workerinput", {}).get(_SEED)
    return dict(given) if seed is None else {**given, "fuzz_seed": str(seed)}


def turns(config: pytest.Config) -> Turns:
    """The turns that this process shares with others, as the front has arranged it."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    return Turns(str(given.get(_HOME, "")))


def leave_word(config: pytest.Config, trouble: str, refusals: Refusals) -> None:
    """In a worker: tell the front why the run is not whole, and what rate limits refused."""
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[_TROUBLE] = trouble
        output[_LIMITED] = astuple(refusals)


class Lead(Protocol):
    """The front of a run, as far as it has to do with workers."""

    @property
    def settings(self) -> Settings:
        """What the run is told."""

    @property
    def start(self) -> float:
        """When it began, by the monotonic clock."""

    def started(self, checks: int) -> None:
        """Take note of how many checks there are."""

    def troubled(self, why: str) -> None:
        """Take note of what went wrong in a worker."""

    def limited(self, refusals: Refusals) -> None:
        """Take note of what rate limits refused a worker."""


class Crew:
    """The hooks of the front: what workers are given, and what is heard of them."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._known = False
        self._home = tempfile.TemporaryDirectory(prefix="runs-conformance-")

    def pytest_unconfigure(self) -> None:
        """Nobody needs turns any more."""
        self._home.cleanup()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the time that is spent, and the place to take turns, to a worker that starts."""
        node.workerinput[_HOME] = self._home.name
        node.workerinput[_SPENT] = time.monotonic() - self._lead.start
        node.workerinput[_SEED] = self._lead.settings.fuzz.seed

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """All workers collect the same; the first one tells."""
        if not self._known:
            self._known = True
            self._lead.started(len(ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """A check was not survived."""
        self._lead.troubled(f"it was at {crashitem.rpartition('::')[2].partition('@')[0]}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker has ended, as it should or not."""
        self._lead.limited(Refusals(*getattr(node, "workeroutput", {}).get(_LIMITED, ())))
        if error is not None:
            self._lead.troubled(f"a worker died: {_first_line(error)}")
        elif trouble := getattr(node, "workeroutput", {}).get(_TROUBLE):
            self._lead.troubled(str(trouble))


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), "without a word")
