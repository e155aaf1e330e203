"""Mutants that are not proxies: the Flask backend itself with one thing broken in it, so that proof
does not rest on the mock alone. As a program it serves one:
`python -m mutants.backend NAME --port 0`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Timer
from time import sleep
from typing import Any

TOP = Path(__file__).parents[3]
if __name__ == "__main__":
    sys.path.insert(0, str(TOP))

from examples.flask_backend.__main__ import main  # noqa: E402 - as a program it needs the path
from examples.flask_backend.automations import AUTOMATIONS, Automation, Step  # noqa: E402
from examples.flask_backend.run import FINISHED, Run  # noqa: E402
from examples.flask_backend.store import LAST_EVENTS, Event, Store  # noqa: E402
from examples.flask_backend.worker import StoppedError, Worker  # noqa: E402


@dataclass(frozen=True, slots=True)
class BackendMutant:
    """`breaks` changes the backend's code in its process; these requirements catch it.

    It works at `speed`, slower where a fault shows only to clients that read before a run has
    ended.
    """

    name: str
    requirements: tuple[str, ...]
    breaks: Callable[[], None]
    speed: int


BACKENDS: list[BackendMutant] = []


def mutant(
    *requirements: str, speed: int = 20
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a mutant."""

    def register(breaks: Callable[[], None]) -> Callable[[], None]:
        name = f"backend-{breaks.__name__.replace('_', '-')}"
        BACKENDS.append(BackendMutant(name, requirements, breaks, speed))
        return breaks

    return register


@mutant("CANCEL-03")
def worker_is_not_notified() -> None:
    """The cancel is remembered, and the work goes on until it is done by itself."""
    Worker.stop = lambda self, run_id: None  # type: ignore[method-assign]


@mutant("CANCEL-07", "LIFE-04", speed=5)
def cancelled_work_goes_on() -> None:
    """A cancel is stored, and the worker is not notified: it ends the run once more."""

    def wrong(self: Run) -> bool:
        if self.status in FINISHED:
            return False
        for step in self.steps:
            if step["status"] in ("pending", "running"):
                self._mark("cancelled", step)
        self._mark("cancelled")
        return True

    Run.cancel = wrong  # type: ignore[method-assign]
    Worker.stop = lambda self, run_id: None  # type: ignore[method-assign]


@mutant("CANCEL-05")
def refused_cancel_comes_late() -> None:
    """Reject a cancel of a finished run, and change the run a little later."""
    cancel, begin = Run.cancel, Store.__init__
    stores: list[Store] = []

    def remember(self: Store) -> None:
        begin(self)
        stores.append(self)

    def late(run_id: str) -> None:
        with stores[0].change(run_id) as run:
            run.record["versionNumber"] += 1

    def wrong(self: Run) -> bool:
        taken = cancel(self)
        if not taken:
            Timer(0.3, late, [self.id]).start()
        return taken

    Store.__init__ = remember  # type: ignore[method-assign]
    Run.cancel = wrong  # type: ignore[method-assign]


@mutant("CANCEL-07")
def cancel_acts_on_what_it_saw() -> None:
    """Read the status and cancel a moment later, even if the run has completed meanwhile."""
    change = Store.change

    @contextmanager
    def wrong(self: Store, run_id: str) -> Iterator[Run]:
        seen = self.run(run_id)["status"]
        asked = sys._getframe(2).f_code.co_name == "cancel_run"
        if asked and seen not in FINISHED:
            time.sleep(0.03)
        with change(self, run_id) as run:
            if asked and seen not in FINISHED and run.status == "completed":
                run.record["status"] = "cancelled"
            yield run

    Store.change = wrong  # type: ignore[method-assign]


@mutant("CANCEL-07")
def cancel_of_the_last_step_is_forgotten() -> None:
    """The response shows the cancelled run, and when the step has completed, so has the run."""
    work, end, seen = Worker._work, Run._end, Run.seen

    def to_the_end(self: Worker, attempt: int, step: Step, stop: Flag) -> Any:
        return work(self, attempt, step, Flag() if step.key == "notify" else stop)

    def wrong(self: Run) -> None:
        if all(step["status"] == "completed" for step in self.steps):
            self.cancel_requested = False
        end(self)

    def shown(self: Run) -> Any:
        cancelled = sys._getframe(1).f_code.co_name == "cancel_run" and self.cancel_requested
        return seen(self) | ({"status": "cancelled"} if cancelled else {})

    Worker._work = to_the_end  # type: ignore[method-assign]
    Run._end = wrong  # type: ignore[method-assign]
    Run.seen = shown  # type: ignore[method-assign]


@mutant("CANCEL-04")
def long_steps_outlive_their_run() -> None:
    """Finish short steps before the run is cancelled, and never notify long ones."""
    work, end_step = Worker._work, Run.end_step
    AUTOMATIONS["running_long"] = Automation(
        "running_long",
        (Step("extract", "Extract", 6.0), Step("load", "Load", 1200.0, ("extract",))),
    )

    def finished(self: Worker, attempt: int, step: Step, stop: Flag) -> Any:
        return work(self, attempt, step, Flag() if step.seconds < 10 else stop)

    def wrong(self: Run, key: str, status: str, result: Any, error: Any) -> list[str]:
        if status != "cancelled":
            return end_step(self, key, status, result, error)
        self._end()
        return []

    Worker._work = finished  # type: ignore[method-assign]
    Run.end_step = wrong  # type: ignore[method-assign]


@mutant("CANCEL-04")
def one_more_step_begins() -> None:
    """The response shows the cancelled run; the step at work is finished, and one more is begun."""
    work, advance, seen = Worker._work, Run._advance, Run.seen
    late: set[str] = set()

    def finished(self: Worker, attempt: int, step: Step, stop: Flag) -> Any:
        try:
            return work(self, attempt, step, stop)
        except StoppedError:
            return {"step": step.key}

    def wrong(self: Run) -> list[str]:
        asked = self.cancel_requested
        if asked and self.id not in late:
            late.add(self.id)
            self.cancel_requested = False
        try:
            return advance(self)
        finally:
            self.cancel_requested = asked

    def shown(self: Run) -> Any:
        cancelled = sys._getframe(1).f_code.co_name == "cancel_run" and self.cancel_requested
        return seen(self) | ({"status": "cancelled"} if cancelled else {})

    Worker._work = finished  # type: ignore[method-assign]
    Run._advance = wrong  # type: ignore[method-assign]
    Run.seen = shown  # type: ignore[method-assign]


@mutant("LIST-12")
def total_of_all_statuses() -> None:
    """The count forgets the filter."""
    page = Store.page

    def wrong(self: Store, tenant: str, status: str | None, limit: int, offset: int) -> Any:
        whole = page(self, tenant, None, 0, 0)
        return page(self, tenant, status, limit, offset) | {"total": whole["total"]}

    Store.page = wrong  # type: ignore[method-assign]


@mutant("LIST-10", "HTTP-09")
def ties_in_any_order() -> None:
    """Nothing says which of the runs that were created in one minute comes first: by turns the
    oldest and the newest."""
    page, turns = Store.page, count()

    def wrong(self: Store, tenant: str, status: str | None, limit: int, offset: int) -> Any:
        whole = page(self, tenant, status, 1_000_000, 0)
        items = whole["items"][:: -1 if next(turns) % 2 else 1]
        items.sort(key=lambda run: run["createdAt"][:16], reverse=True)
        return whole | {"items": items[offset:][:limit]}

    Store.page = wrong  # type: ignore[method-assign]


@mutant("EVENTS-07")
def resumes_one_too_late() -> None:
    """The number last seen is taken for the number seen next."""
    follow = Store.follow

    def wrong(self: Store, run_id: str, after: int, quiet: float) -> Iterator[Event | None]:
        return follow(self, run_id, after + (after > 0), quiet)

    Store.follow = wrong  # type: ignore[method-assign]


@mutant("EVENTS-08")
def nothing_heard_while_it_replays() -> None:
    """Send a subscriber the past events, and miss those of the moment after."""
    follow = Store.follow

    def wrong(self: Store, run_id: str, after: int, quiet: float) -> Iterator[Event | None]:
        past = self._wait_for_events(run_id, after, 0.0)
        yield from past
        if not past:
            yield from follow(self, run_id, after, quiet)
        elif past[-1][1] not in LAST_EVENTS:
            sleep(0.05)
            missed = self._wait_for_events(run_id, past[-1][0], 0.0)
            yield from follow(self, run_id, (missed or past)[-1][0], quiet)

    Store.follow = wrong  # type: ignore[method-assign]


@mutant("RETRY-02")
def always_from_the_beginning() -> None:
    """Keep no step, in any mode."""
    retry = Run.retry
    Run.retry = lambda self, mode, step_key: retry(self, "full", None)  # type: ignore[method-assign]


@mutant("STEPS-06")
def steps_wait_for_nothing() -> None:
    """All of a run's steps start together."""
    advance = Run._advance

    def wrong(self: Run) -> list[str]:
        needs = [step["dependsOn"] for step in self.steps]
        for step in self.steps:
            step["dependsOn"] = []
        try:
            return advance(self)
        finally:
            for step, before in zip(self.steps, needs, strict=True):
                step["dependsOn"] = before

    Run._advance = wrong  # type: ignore[method-assign]


if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    next(mutant for mutant in BACKENDS if mutant.name == chosen).breaks()
    main()
