"""MODEL: calls in any order, made up by Hypothesis, against a model of runs. A sequence that fails
is made as short as it can be and shown as the calls that lead to it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conformance import deadline
from conformance.assertions.matchers import is_finished, with_dependents
from conformance.checks.support import sequences
from conformance.checks.support.run_model import (
    ANY_END,
    LearnedBehaviour,
    Mismatch,
    RunModel,
    list_mismatch,
)
from conformance.checks.support.sequences import Call, FailedSequence, SearchState, shortest
from conformance.client.response import Response
from conformance.client.shell_script import ShellScript
from conformance.errors import CheckFailed, Inconclusive, KitError, Outcome, Unsupported
from conformance.harness.context import CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import UUID, State, Status

# The runs that sequences begin with. Those without an end do not end by themselves within one.
KINDS = (
    (State.FAILS_ONCE, Status.FAILED, frozenset({Status.FAILED})),
    (State.PENDING, None, frozenset[Status]()),
    (State.RUNNING_LONG, None, frozenset[Status]()),
    (State.SUCCEEDS, Status.COMPLETED, frozenset({Status.COMPLETED})),
    (State.SUCCEEDS, None, frozenset({Status.COMPLETED})),
    (State.FAILS_ONCE, None, frozenset({Status.FAILED})),
)
MODES = ("from_failed", "full", "from_step")
_RUNS = 3
# How many sequences a gate tries, in real time or not.
_SEQUENCES = {True: 8, False: 60}
# Seconds in which a sequence that failed is made shorter.
_MAX_SHRINK_SECONDS = 8
# Seconds that a gate looks for one: far more than it takes, unless machine or service are slow.
_MAX_SECONDS = 90
_PAGE = 1000
# The steps of a sequence that are possible before there is a run.
_WITHOUT_RUN = ("a_run", "another_run", "wait")
_PICK = st.integers(0, 11)


@requirement("MODEL-01", shares="model", changes_runs=True)
def check_any_order_of_calls_agrees_with_the_model(context: CheckContext) -> None:
    """Sequences of reading, cancelling, retrying and waiting, over a few runs each."""
    real_time, fuzz = context.poller.real_time, context.fuzz
    seconds = min(deadline.left(context.budget), _MAX_SECONDS if fuzz.seed is None else math.inf)
    search = SearchState(time.monotonic() + 0.8 * seconds)
    chosen = settings(
        max_examples=fuzz.cases if fuzz.seed is not None else _SEQUENCES[real_time],
        stateful_step_count=10 if real_time else 16,
        derandomize=fuzz.seed is None,
        # Hypothesis makes data smaller; here it is calls, and each that is tried takes its time.
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    machine = type("Sequence", (Lifecycle,), {"context": context, "search": search})
    if fuzz.seed is not None:
        machine = seed(fuzz.seed)(machine)
    try:
        with sequences.hypothesis_home():
            run_state_machine_as_test(machine, settings=chosen)
    except Flaky as why:
        # At a live service a failure may not repeat, nor may a possible call still be possible
        # when the time is up: the first observation counts.
        if not search.closed:
            raise Inconclusive(
                "the same calls returned different responses, so that no sequence could be "
                "built on them; make sure that no other client changes the runs"
            ) from why
    except Exception:
        if search.failed is None and search.problem is None:
            raise
    if search.failed is not None:
        worst = _shortest(machine, search.failed)
        script, fault = worst.script, worst.failure
        again = f" (repeat with {fuzz.again})" if fuzz.again else ""
        raise CheckFailed(
            f"{fault}{again}, after these calls:\n{script.text()}",
            level=fault.level,
            exchange=context.api.target.traffic.keep(script.last) if script.last else None,
        )
    if search.problem is not None:
        raise search.problem
    if not search.used:
        raise search.unavailable or Inconclusive("there was no time for a single run")


def _step(call: Callable[..., None]) -> Callable[..., None]:
    """A call or two of a sequence; nothing once the time is up: Hypothesis cannot be
    stopped, but it need not be given anything to do."""

    @wraps(call)
    def made(self: Lifecycle, **drawn: Any) -> None:
        if self.search.closed:
            return
        self.calls.append((call, drawn))
        try:
            call(self, **drawn)
        except CheckFailed as fault:
            self.script.add_remaining()
            self.search.failed = FailedSequence(self.script, fault, tuple(self.calls))
            raise
        except (Outcome, KitError) as why:
            self.search.problem = why

    return made


def _shortest(machine: type[Lifecycle], first: FailedSequence) -> FailedSequence:
    """The same fault by fewer calls, each time with runs of its own."""
    worst, search = first, machine.search

    def fails(calls: Sequence[Call]) -> bool:
        nonlocal worst
        found = _replay(machine, calls)
        if same := found is not None and _fault(found) == _fault(first):
            worst = found
        return same

    # Behaviour learned in other sequences is not among these calls.
    search.learned, learned = LearnedBehaviour(), search.learned
    until = time.monotonic() + min(
        _MAX_SHRINK_SECONDS, 0.5 * deadline.left(2 * _MAX_SHRINK_SECONDS)
    )
    if not fails(first.calls):
        search.learned = learned
    shortest(first.calls, fails, until)
    return worst


def _replay(machine: type[Lifecycle], calls: Sequence[Call]) -> FailedSequence | None:
    """Make the calls again and return their failure; None if they pass or cannot be made."""
    learned = machine.search.learned
    machine.search.learned = LearnedBehaviour(dict(learned.answers))
    sequence = machine()
    try:
        for call, drawn in calls:
            if sequence.runs or call.__name__ in _WITHOUT_RUN:
                call(sequence, **drawn)
    except CheckFailed as fault:
        sequence.script.add_remaining()
        return FailedSequence(sequence.script, fault, tuple(calls))
    except (Outcome, KitError):
        return None
    finally:
        machine.search.learned = learned
    return None


class Lifecycle(RuleBasedStateMachine):
    """One sequence. A subclass sets `context` and `search`."""

    context: CheckContext
    search: SearchState

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[tuple[State, RunModel]] = []
        self.calls: list[Call] = []
        self._last: tuple[str, dict[str, Any], int] = "", {}, -1
        self._listed = -1
        target = self.context.api.target
        self.script = ShellScript(target.traffic, target.base_url)

    @initialize(pick=_PICK)
    @_step
    def a_run(self, pick: int) -> None:
        """There is one to begin with."""
        self._make(pick)

    @precondition(lambda self: 0 < len(self.runs) < _RUNS)
    @rule(pick=_PICK)
    @_step
    def another_run(self, pick: int) -> None:
        """Runs must not be mistaken for each other."""
        self._make(pick)

    @precondition(lambda self: self.runs)
    @rule(pick=_PICK)
    @_step
    def read_run(self, pick: int) -> None:
        """The run is where it may be, and its steps go with it."""
        _, model = self._pick(pick)
        before = self._latest(model)
        steps = self._steps(model.run_id)
        after = self._read_logged(model)
        if before.get("status") == after.get("status"):
            self._expect(model, model.observe_steps(steps, Status(before["status"])))

    @precondition(lambda self: self.runs)
    @rule()
    @_step
    def list_all(self) -> None:
        """Every run is listed once, as it is, and `total` is the number of them."""
        if self._listed == self.context.api.target.traffic.count:
            return  # Nothing was requested since.
        wrong = partial(list_mismatch, [model for _, model in self.runs], _PAGE)
        read = partial(self.context.page, limit=_PAGE)
        page, _ = self.context.settling.read(
            "the list lags", read, lambda page: "wrong" if wrong(page) else None
        )
        summary = self.script.add_latest()
        if found := wrong(page):
            raise CheckFailed(f"{summary}: {found.why}", level=found.level)
        self._listed = self.context.api.target.traffic.count

    @precondition(lambda self: self.runs)
    @rule(pick=_PICK)
    @_step
    def cancel(self, pick: int) -> None:
        """Cancel a run: an unfinished run is cancelled, a finished one unchanged (Q02)."""
        self._cancel(self._pick(pick)[1])

    @precondition(lambda self: self.runs)
    @rule(pick=_PICK, mode=st.sampled_from(MODES))
    @_step
    def retry(self, pick: int, mode: str) -> None:
        """Retry a run: a finished run runs again, or is rejected and unchanged (Q03, Q04)."""
        self._retry(*self._pick(pick), mode)

    @precondition(lambda self: self.runs)
    @rule(pick=_PICK)
    @_step
    def restart(self, pick: int) -> None:
        """A run may be cancelled and retried as often as one likes."""
        kind, model = self._pick(pick)
        self._cancel(model)
        self._retry(kind, model, "full")

    @rule(seconds=st.sampled_from([1, 3]))
    @_step
    def wait(self, seconds: int) -> None:
        """Time goes by, if there is anything that it could change."""
        if not self.runs:
            return
        self.context.poller.advance(seconds)
        self._last, self._listed = ("", {}, -1), -1
        self.script.add_comment(f"{seconds} s go by")

    @precondition(lambda self: any(model.ends_in_time for _, model in self.runs))
    @rule(pick=_PICK)
    @_step
    def wait_for_the_end(self, pick: int) -> None:
        """Wait until a run has finished, which it must if such runs did so before."""
        kind, model = self._pick(pick)
        if not model.ends_in_time:
            return
        self.script.add_comment("until the run has finished")
        _, why = self.context.poller.until(lambda: self._read(model), is_finished)
        self.script.add_latest()
        if why and kind in self.search.ended:
            raise CheckFailed(
                f"{why}: such runs have ended within {self.context.poller.patience:g} s"
            )
        if not why:
            self.search.ended.add(kind)

    def _cancel(self, model: RunModel) -> None:
        before = self._latest(model)
        response = self.context.api.cancel(model.run_id)
        summary, situation = self.script.add_latest(), ("cancel", before["status"])
        if is_finished(before) is None:
            self._expect(model, self.search.learned.check(situation, response.status, summary))
        elif 200 <= response.status < 300:
            model.cancel_accepted(response.object().get("status"))
        elif not model.cancelling and is_finished(self._read_logged(model)) is not None:
            raise CheckFailed(
                f"{summary}: a {before['status']} run could not be cancelled",
                exchange=response.exchange,
            )
        self._read_logged(model)

    def _retry(self, kind: State, model: RunModel, mode: str) -> None:
        before, steps = self._latest(model), self._steps(model.run_id)
        body = {"mode": mode}
        if mode == "from_step" and steps:
            body["stepKey"] = steps[0]["key"]
        response = self.context.api.retry(model.run_id, body)
        summary = self.script.add_latest()
        accepted = 200 <= response.status < 300
        if is_finished(before) is not None:
            self._retried_unfinished(model, mode, before, response)
            return
        failed = [str(step["key"]) for step in steps if step["status"] == "failed"]
        situation = "retry", mode, before["status"], bool(failed)
        self._expect(model, self.search.learned.check(situation, response.status, summary))
        if accepted:
            again = response.object().get("id")
            same = again == model.run_id
            summary += f" with {'the same' if same else 'another'} run"
            self._expect(model, self.search.learned.check("retry makes", same, summary))
            lost = {"from_failed": failed, "from_step": [steps[0]["key"]] if steps else []}
            first = lost.get(mode, [step["key"] for step in steps])
            done = {str(step["key"]) for step in steps if step["status"] == "completed"}
            ends = _ends_again(kind, mode, before["status"])
            if same:
                model.retry_accepted(ends, done - with_dependents(steps, first))
            else:
                self.context.runs.wait_until_readable(str(again))
                self.runs.append((kind, RunModel(str(again), ends, model.ends_in_time)))
        self._read_logged(model)

    def _retried_unfinished(
        self, model: RunModel, mode: str, before: dict[str, Any], response: Response
    ) -> None:
        if model.ends:
            # It may have finished in between, and then a retry is in order.
            model.lose_track()
        else:
            situation = "retry", mode, before["status"]
            self._expect(
                model, self.search.learned.check(situation, response.status, response.summary)
            )
        self._read_logged(model)

    def _make(self, pick: int) -> None:
        kind, at, ends = KINDS[pick % len(KINDS)]
        spare = self.search.spare.setdefault((kind, at), [])
        try:
            # Runs that take time are made several at once, so that they take it in parallel.
            if not spare:
                spare += self.context.runs.fresh_many(
                    kind, at, 1 if at is None else self.search.batch
                )
        except (Inconclusive, Unsupported) as why:
            self.search.unavailable = self.search.unavailable or why
            return
        run_id = spare.pop()
        self.script.add_run(run_id, kind.value)
        self.search.used += 1
        self.runs.append((kind, RunModel(run_id, ends, ends_in_time=bool(ends))))

    def _pick(self, pick: int) -> tuple[State, RunModel]:
        return self.runs[pick % len(self.runs)]

    def _read_logged(self, model: RunModel) -> dict[str, Any]:
        run = self.context.api.run(model.run_id)
        self.script.add_latest(f", {run.get('status')}")
        self._expect(model, model.observe_run(run))
        self._last = model.run_id, run, self.context.api.target.traffic.count
        return run

    def _latest(self, model: RunModel) -> dict[str, Any]:
        """Return the run as the call before has read it, or read it."""
        run_id, run, after = self._last
        sent = self.context.api.target.traffic.count
        return run if (run_id, after) == (model.run_id, sent) else self._read_logged(model)

    def _read(self, model: RunModel) -> dict[str, Any]:
        run = self.context.api.run(model.run_id)
        self._expect(model, model.observe_run(run))
        return run

    def _steps(self, run_id: str) -> list[dict[str, Any]]:
        steps = self.context.steps(run_id)
        self.script.add_latest("".join(f", {step['key']} {step['status']}" for step in steps[:8]))
        return steps

    def _expect(self, model: RunModel, wrong: Mismatch | None) -> None:
        if wrong is not None:
            raise CheckFailed(f"run {model.run_id}: {wrong.why}", level=wrong.level)


def _ends_again(kind: State, mode: str, before: str) -> frozenset[Status]:
    """How a run of this kind may end when it is retried from this status."""
    if kind is State.FAILS_ONCE and mode == "from_failed" and before == Status.FAILED:
        return frozenset({Status.COMPLETED})
    return frozenset({Status.COMPLETED}) if kind is State.SUCCEEDS else ANY_END


def _fault(failed: FailedSequence) -> str:
    """Return the failure without ids and numbers, so that it is the same for every run."""
    return re.sub(rf"{UUID}|\d+", "", str(failed.failure))
