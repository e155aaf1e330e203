"""An unattended exam: a command starts the client once for each item, several at a time.

It drives a mock by its control API only, so the mock can run in another process.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from mock_server.engine.clock import monotonic
from mock_server.engine.run_state import Json
from mock_server.exam.catalogue import CONTRACT, Item, JudgedFrom, Task, catalogue
from mock_server.exam.client_command import ClientCommand, ClientProcess
from mock_server.exam.results import ExamResults, Result
from mock_server.exam.sitting import MAX_REPORTS
from mock_server.exam.verdict import Outcome, Verdict, not_judged

_INTERVAL = 0.1
"""Seconds between two looks at a client."""

_BATCH = 500


class Control(Protocol):
    """The control API for one world."""

    def post(self, path: str, body: Json) -> Json: ...

    def get(self, path: str) -> Json: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Real seconds: ``patience`` is the longest sitting; after ``quiet`` without a sign of the
    client its task counts as done."""

    patience: float = 60.0
    quiet: float = 10.0


class Examination:
    """An exam of one client. ``connect`` returns the control API for the world of that name.

    Raise UsageError from its methods where the mock or the client cannot be used.
    """

    def __init__(
        self,
        command: ClientCommand,
        connect: Callable[[str], Control],
        *,
        world: str = "test-exam",
        tasks: Sequence[Task] = (),
        limits: Limits = Limits(),
    ) -> None:
        self._command = command
        self._connect = connect
        self._world = world
        self._tasks = tasks or command.tasks()
        self._limits = limits
        self._stopped = threading.Event()
        self._reporting: bool | None = None  # Not known before the client has followed a run.

    def stop(self) -> None:
        """End the clients; the sittings in progress have no verdict."""
        self._stopped.set()

    def run(
        self,
        items: Sequence[Item],
        results: ExamResults,
        done: Callable[[Result], None],
        workers: int = 4,
    ) -> None:
        """Judge the client about each item; add to ``results`` and call ``done`` with each.

        First the client follows a run undisturbed, which shows whether it works at all and
        whether it makes reports.
        """
        started = monotonic()

        def add(result: Result) -> None:
            results.add(result)
            done(result)

        trial = self.sit(catalogue()[CONTRACT], trial=True)
        if CONTRACT in {item.id for item in items}:
            add(trial)
        rest = [item for item in items if item.id != CONTRACT]
        if trial.verdict.outcome is Outcome.NOT_JUDGED and Task.FOLLOW in self._tasks:
            reason = f"the client does not follow a run undisturbed: {trial.verdict.reason}"
            for item in rest:
                add(Result(item, not_judged(reason)))
        else:
            self._run_concurrently(rest, add, workers)
        results.conclude(list(catalogue().values()), monotonic() - started)

    def _run_concurrently(
        self, items: Sequence[Item], add: Callable[[Result], None], workers: int
    ) -> None:
        with ThreadPoolExecutor(workers) as pool:
            try:
                for future in as_completed([pool.submit(self.sit, item) for item in items]):
                    add(future.result())
            except BaseException:
                self.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def sit(self, item: Item, *, trial: bool = False) -> Result:
        """Return the result of one sitting."""
        if item.task not in self._tasks:
            return Result(item, not_judged(f"the client does not do the task {item.task}"))
        if item.judged_from is JudgedFrom.REPORTS and self._reporting is False:
            return Result(item, not_judged("the client reports nothing (docs/exam.md says how)"))
        if self._stopped.is_set():
            return Result(item, Verdict(Outcome.ERROR, "the exam was stopped"))
        with closing(self._connect(f"{self._world}-{item.id.lower()}")) as control:
            return self._sit(item, control, trial=trial)

    def _sit(self, item: Item, control: Control, *, trial: bool) -> Result:
        sitting = control.post("/exam/sittings", {"item": item.id})
        started = monotonic()
        reports = _Reports(control)
        process = self._command.start(sitting, reports.append)
        try:
            self._wait(process, control, started)
            ended, exit_code = process.ended, process.exit_code
        finally:
            process.stop()
        reports.send()
        if trial:
            self._reporting = reports.count > 0
        found = control.post("/exam/verdict", {"reporting": bool(self._reporting)})
        verdict = Verdict(Outcome(found["outcome"]), found["reason"], tuple(found["requests"]))
        if process.problems:
            reason = f"a report is not valid: {process.problems[0]}"
            verdict = Verdict(Outcome.ERROR, reason)
        elif self._stopped.is_set():
            verdict = Verdict(Outcome.ERROR, "the exam was stopped")
        elif not found["sent"]:
            verdict = not_judged(_nothing_sent(exit_code if ended else None))
        return Result(
            item,
            verdict,
            monotonic() - started,
            found["sent"],
            exit_code if ended else None,
            process.output,
            found["contract"],
        )

    def _wait(self, process: ClientProcess, control: Control, started: float) -> None:
        """Return when the client has ended, has nothing more to do, or does too much."""
        while not process.ended and not self._stopped.wait(_INTERVAL):
            progress = control.get("/exam/sitting")
            if (
                progress["flooded"]
                or progress["idleSeconds"] > self._limits.quiet
                or monotonic() - started > self._limits.patience
            ):
                return


class _Reports:
    """Sends reports to a sitting, several at a time, from the thread that reads them."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._waiting: list[Json] = []
        self._lock = threading.Lock()
        self.count = 0

    def append(self, report: Json) -> None:
        with self._lock:
            self.count += 1
            if self.count <= MAX_REPORTS:
                self._waiting.append(report)

    def send(self) -> None:
        """Send what is waiting."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _BATCH):
            self._control.post("/exam/reports", {"reports": waiting[start : start + _BATCH]})


def _nothing_sent(exit_code: int | None) -> str:
    if exit_code is None:
        return "the client sent no request with its credential"
    return f"the client sent no request with its credential and ended with exit code {exit_code}"
