"""What happens: a thread waits for each run's turn, and a thread does the work of each step.

The work here is waiting, so that is the part to replace. What to keep is how it is stopped: a
cancel raises a flag, the work sees it at the next place where it can stop, and tidies up.
"""

import logging
import threading
import time
from collections.abc import Sequence
from weakref import WeakValueDictionary

from .automations import AUTOMATIONS, Step
from .run import Json, Run
from .store import Store

TIDY_UP_SECONDS = 1.0

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The work was stopped because its run is cancelled."""


class FailedError(Exception):
    """The work could not be done; the text says why."""


class Worker:
    """Carries out runs, `speed` times as fast as their automations say."""

    def __init__(self, store: Store, speed: float) -> None:
        self._store = store
        self._speed = speed
        # A run's threads hold its flag; once the last of them is done, it is gone from here too.
        self._stops: WeakValueDictionary[str, threading.Event] = WeakValueDictionary()

    def submit(self, run: Run) -> None:
        """Carry out a pending run."""
        stop = self._stops[run.id] = threading.Event()
        threading.Thread(target=self._wait_turn, args=(run, stop), daemon=True).start()

    def stop(self, run_id: str) -> None:
        """Raise the flag of a run that has been asked to stop."""
        stop = self._stops.get(run_id)
        if stop is not None:
            stop.set()

    def _wait_turn(self, run: Run, stop: threading.Event) -> None:
        stop.wait(AUTOMATIONS[run.automation].queue_seconds / self._speed)
        with self._store.change(run.id) as changing:
            keys = changing.start()
        self._begin(run, keys, stop)

    def _begin(self, run: Run, keys: Sequence[str], stop: threading.Event) -> None:
        for step in AUTOMATIONS[run.automation].steps:
            if step.key in keys:
                threading.Thread(target=self._perform, args=(run, step, stop), daemon=True).start()

    def _perform(self, run: Run, step: Step, stop: threading.Event) -> None:
        status, result, error = "failed", None, None
        try:
            status, result = "completed", self._work(run.attempt, step, stop)
        except StoppedError:
            status = "cancelled"
        except FailedError as failed:
            error = {"code": "upstream_timeout", "message": str(failed)}
        except Exception:
            log.exception("Step %s of run %s broke", step.key, run.id)
            error = {"code": "internal", "message": "The step broke."}
        with self._store.change(run.id) as changing:
            keys = changing.end_step(step.key, status, result, error)
        self._begin(run, keys, stop)

    def _work(self, attempt: int, step: Step, stop: threading.Event) -> Json:
        if stop.wait(step.seconds / self._speed):
            time.sleep(TIDY_UP_SECONDS / self._speed)
            raise StoppedError
        if attempt <= step.failing:
            raise FailedError(f"{step.name}: the other side did not answer.")
        return {"step": step.key, "attempt": attempt}
