"""Provide the context of a check: API callers, runs, the contract, time, and a place to record how
the implementation behaves on an open question."""

from __future__ import annotations

import contextlib
import operator
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from conformance.assertions.invariants import is_step
from conformance.assertions.matchers import Matcher, is_finished, unchanged
from conformance.catalogue.open_questions import Observation, Question
from conformance.client.api import Api
from conformance.client.credentials import AuthScheme, Credential
from conformance.client.raw_socket import RawClient
from conformance.client.response import Response
from conformance.client.run_events import has_ended
from conformance.client.stream import Stream
from conformance.contract.contract import Contract
from conformance.contract.schema import Schemas
from conformance.errors import CheckFailed, Inconclusive, Outcome, Unsupported
from conformance.fuzz.config import FuzzConfig
from conformance.harness.cache import ObservationCache
from conformance.harness.polling import Poller, StatusPassed
from conformance.harness.run_recording import IdleStream, Snapshot, StreamRecording
from conformance.harness.runs import Runs
from conformance.harness.settling import Settling
from conformance.vocabulary import State, Status, Untested

T = TypeVar("T")

UNKNOWN_RUN = str(uuid.uuid5(uuid.NAMESPACE_URL, "tag:runs-conformance:no-such-run"))
MALFORMED_RUN = "not-a-uuid"
_LIST_EDGE = 200
_PAGE, _MAX_LISTED = 1000, 30_000
# Seconds in which runs that are cancelled ahead of the checks should be so.
_CANCEL = 5.0
# How many runs may be tried until one is seen to wait, and if it takes one read to see that.
_MAX_TRIES, _MAX_READS = 5, 12
# How many runs at either end of the list show whether others change them.
_SAMPLED = 8
WRONG_SECRET = "no-such-credential-3f6b1c"  # noqa: S105 - it opens nothing, on purpose


def steps_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps in a body; Inconclusive if one has no key, status and dependencies."""
    steps = body.get("steps")
    if not isinstance(steps, list) or not all(map(is_step, steps)):
        raise Inconclusive("steps have no key, status and dependencies", caused_by="STEPS-01")
    return steps


@dataclass(frozen=True, slots=True)
class CheckContext:
    """One check's view of the target."""

    api: Api
    raw_client: RawClient
    runs: Runs
    poller: Poller
    contract: Contract
    schemas: Schemas
    credentials: tuple[Credential, ...]
    other_credential: Credential | None
    cache: ObservationCache
    questions: Mapping[str, Question]
    selected: frozenset[str]
    read_only: bool
    budget: float
    fuzz: FuzzConfig
    settling: Settling = field(default_factory=Settling)
    observations: list[Observation] = field(default_factory=list)

    @property
    def anonymous(self) -> Api:
        """A caller without a credential."""
        return self.api.with_credential(None)

    @property
    def other(self) -> Api:
        """A caller of another tenant; Unsupported where no such credential is known."""
        if self.other_credential is None:
            raise Unsupported("no credential of another tenant is known: --other-token")
        return self.api.with_credential(self.other_credential)

    def with_scheme(self, scheme: AuthScheme) -> Api:
        """The tenant under test by a credential of this kind; Unsupported where none is known."""
        for credential in self.credentials:
            if credential.scheme is scheme:
                return self.api.with_credential(credential)
        raise Unsupported(f"no such credential is known: --{scheme.value}")

    def wrong_credential(self, scheme: AuthScheme | None = None) -> Api:
        """Return a caller with a wrong credential."""
        return self.api.with_credential(
            Credential(scheme or self.credentials[0].scheme, WRONG_SECRET)
        )

    def page(self, **query: Any) -> dict[str, Any]:
        """A page with a list of runs that have ids and an integer total.

        Inconclusive if it has not: LIST-01 and LIST-02 are about that, and no other check.
        """
        page = self.api.page(**query)
        items, total = page.get("items"), page.get("total")
        if not isinstance(items, list) or type(total) is not int:
            raise Inconclusive(
                "pages have no list `items` and integer `total`", caused_by="LIST-01"
            )
        if not all(isinstance(run, dict) and isinstance(run.get("id"), str) for run in items):
            raise Inconclusive("items have no `id`", caused_by="LIST-02")
        return page

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """The run's steps, each with a key, a status and its dependencies; likewise (STEPS-01)."""
        return steps_in(self.api.steps(run_id))

    def newest_runs(self) -> dict[str, dict[str, Any]]:
        """The runs at both ends of the list by id: those that were made last are at one of them."""
        page = self.page(limit=_LIST_EDGE)
        runs = list(page["items"])
        if page["total"] > _LIST_EDGE:
            last = max(_LIST_EDGE, page["total"] - _LIST_EDGE)
            runs += self.page(limit=_LIST_EDGE, offset=last)["items"]
        return {run["id"]: run for run in runs}

    def find_in_list(self, run_id: str) -> dict[str, Any] | None:
        """The run as the list shows it; None if it does not.

        Raise Inconclusive if it is not in the part of the list that can be read.
        """
        page = self.page(limit=_PAGE)
        total = page["total"]
        # Runs that are new are at one of the ends.
        offsets = [0, max(0, total - _PAGE), *range(_PAGE, min(total, _MAX_LISTED), _PAGE)]
        for offset in dict.fromkeys(offsets):
            shown = self.page(limit=_PAGE, offset=offset) if offset else page
            for item in shown["items"]:
                if item["id"] == run_id:
                    return dict(item)
        if total > _MAX_LISTED:
            raise Inconclusive(
                f"the run is not among {_MAX_LISTED} of the {total} runs in the list",
                reason=Untested.UNSTABLE,
            )
        return None

    def listed(
        self, run_id: str, matches: Matcher[dict[str, Any]] = lambda item: None
    ) -> tuple[dict[str, Any] | None, str | None]:
        """Return the run as the list shows it once it has had time to settle, and the fault or
        None."""

        def judge(item: dict[str, Any] | None) -> str | None:
            return "it is not in the list" if item is None else matches(item)

        return self.settling.read("the list lags", lambda: self.find_in_list(run_id), judge)

    def history(self, state: State) -> list[Snapshot]:
        """A run of this state from where it is provided to its end, looked at as often as may be.

        One is watched for all checks. Inconclusive if it does not end.
        """
        return self.cache.once(f"life of {state.value}", lambda: self._record_history(state))

    def status_history(self, state: State) -> list[str]:
        """The statuses such a run went through, repetitions left out."""
        seen = [str(snapshot.run.get("status")) for snapshot in self.history(state)]
        return [s for i, s in enumerate(seen) if i == 0 or s != seen[i - 1]]

    def recording(self) -> StreamRecording:
        """The stream of a succeeding run; one is listened to for all checks."""
        return self.cache.once("broadcast", self._record_stream)

    def snapshot(self, run_id: str) -> Snapshot:
        """The run and its steps as they are now."""
        return Snapshot(self.api.run(run_id), self.steps(run_id))

    def cancelled_runs(self) -> tuple[Snapshot, ...]:
        """Runs that would have completed soon, as they were when they had been cancelled: one at
        once and one while running. They are cancelled in the first call; empty if no runs can
        be provided or cancelled."""
        return self.cache.once("stopped", self._cancel_runs)

    def check_unchanged(self, ended: Sequence[Snapshot]) -> None:
        """Raise CheckFailed if one of these runs, or a step, has changed."""
        for before in ended:
            self.poller.wait_for_effects(before.at)
            after, state = self.snapshot(before.run["id"]), before.run.get("status")
            if why := unchanged(before.run, after.run):
                raise CheckFailed(f"a {state} run changed by itself: {why}")
            for old, new in zip(before.steps, after.steps, strict=False):
                if why := unchanged(old, new):
                    raise CheckFailed(f"a step of a {state} run changed by itself: {why}")

    def idle_stream(self) -> IdleStream:
        """The stream of a run that does nothing, listened to since this was first called."""
        return self.cache.once("quiet", self._open_idle_stream)

    def _open_idle_stream(self) -> IdleStream:
        stream = self.api.events(self.runs.shared(State.RUNNING_LONG))
        # The events so far come first.
        stream.wait(0.3, lambda s: s.ended)
        return IdleStream(stream, stream.comments, time.monotonic())

    def _cancel_runs(self) -> tuple[Snapshot, ...]:
        ended: list[Snapshot] = []
        if not self.runs.unlimited:
            return ()
        for at in (None, Status.RUNNING):
            # Other checks report why this does not work.
            with contextlib.suppress(Outcome):
                ended.append(self._cancel_one(at))
        return tuple(ended)

    def _cancel_one(self, at: Status | None) -> Snapshot:
        """A run as it was first seen cancelled: what still works for it may change it again."""
        for _ in range(_MAX_TRIES):
            run_id = self.runs.fresh(State.SUCCEEDS, at)
            self.api.cancel(run_id)
            with contextlib.suppress(StatusPassed):
                run = self.poller.wait_for_status(
                    self.api, run_id, Status.CANCELLED, within=_CANCEL
                )
                return Snapshot(run, self.steps(run_id))
        raise Inconclusive("each run had ended before it was seen cancelled")

    def _record_history(self, state: State) -> list[Snapshot]:
        for _ in range(_MAX_READS if self.runs.unlimited else 1):
            run_id = self.runs.fresh(state)
            run = self.api.run(run_id)
            # One that was under way before it was read shows less of its life.
            if run.get("status") == Status.PENDING:
                break
        snapshots = [Snapshot(run, self.steps(run_id))]

        def read() -> dict[str, Any]:
            snapshots.append(self.snapshot(run_id))
            return snapshots[-1].run

        run, why = self.poller.until(read, is_finished)
        if why:
            raise self.poller.not_reached(run, f"after {{}} s {why}")
        return snapshots

    def _record_stream(self) -> StreamRecording:
        for _ in range(_MAX_TRIES if self.runs.unlimited else 1):
            recording = self._record_one(self.runs.fresh(State.SUCCEEDS))
            # Where all was over before one of three left, it does not show that leaving harms none.
            if not has_ended(recording.early):
                break
        return recording

    def _record_one(self, run_id: str) -> StreamRecording:
        with (
            self.api.events(run_id) as first,
            self.api.events(run_id) as second,
            self.api.events(run_id) as early,
        ):
            early.wait(1, lambda stream: bool(stream.events))
            early.close()
            for stream in (first, second):
                self.poller.follow(stream, has_ended)
            # Anything after the terminal event comes within this: a second one, or the close.
            first.wait(1, lambda s: s.ended)
            second.wait(0.2, lambda s: s.ended)
        return StreamRecording(run_id, first, second, early)

    def ensure_runs(self, count: int) -> None:
        """See to it that the list holds this many runs; Inconclusive if that cannot be."""
        # A run that was made ahead is handed out first and makes the list no longer: hence twice.
        for last in (False, False, True) if count > self.runs.listed else ():
            missing = count - len(self.page(limit=count)["items"])
            if missing <= 0:
                self.runs.listed = count
                return
            if last or not self.runs.unlimited:
                self._check_list_is_complete(missing)
                raise Inconclusive(f"the list would have to hold {count} runs, {missing} more")
            self.runs.fresh_many(State.SUCCEEDS, None, missing)
            self.settling.read(
                "the list lags",
                lambda: len(self.page(limit=count)["items"]),
                lambda found: None if found >= count else "runs are missing",
            )

    def _check_list_is_complete(self, missing: int) -> None:
        """Raise CheckFailed if runs that the kit made can be read and the list does not grow."""
        made = self.runs.newest(missing)
        if made and all(self.api.get_run(run_id).status == 200 for run_id in made):
            raise CheckFailed(
                f"the list holds fewer runs than the kit made: {made[-1]} can be read by id",
                caused_by="LIST-10",
            )

    def read_stable(
        self,
        read: Callable[[], T],
        same: Callable[[T, T], bool] = operator.eq,
        *,
        fine: Callable[[T], bool],
    ) -> T:
        """A reading that the next one is the `same` as: at a live service runs change between
        requests. One that is `fine` needs no next one."""
        before = read()
        if fine(before):
            return before
        for _ in range(2 if self.settling.contradictory else 20):
            after = read()
            if same(before, after):
                return before
            before = after
            self.poller.clock.advance(0.5)
        if not self._others_write():
            self.settling.contradictory = True
            raise CheckFailed("readings of the list contradict each other, and no run changed")
        raise Inconclusive(
            "the list changes too quickly to compare readings of it", reason=Untested.UNSTABLE
        )

    def _others_write(self) -> bool:
        """Whether runs that the list shows change while the kit does nothing: read by id, which no
        other request can be confused with."""
        found: list[set[tuple[object, object]]] = []
        listed = self.newest_runs()
        ids = {*list(listed)[:_SAMPLED], *list(listed)[-_SAMPLED:]}
        for _ in range(2):
            found.append({(i, self.api.get_run(i).object().get("updatedAt")) for i in sorted(ids)})
            self.poller.clock.advance(0.5)
        newest = max((str(run.get("createdAt")) for run in listed.values()), default="")
        new = [self.api.get_run(i) for i in sorted(self.newest_runs().keys() - listed)[-1:]]
        # A run that is listed only now and is older was left out before.
        return found[0] != found[1] or any(
            read.status == 200 and str(read.object().get("createdAt", "")) > newest for read in new
        )

    def check_schema(self, response: Response, schema: str) -> Any:
        """Return the body of the response, if it fits this schema of the contract.

        Raise CheckFailed otherwise, with the level of the keyword that is not met.
        """
        value = response.json()
        self.check_value(value, schema, response.exchange, response.summary)
        return value

    def check_value(self, value: Any, schema: str, exchange: int, said: str) -> None:
        """Any value, likewise."""
        for fault in self.schemas.faults(schema, value)[:1]:
            raise CheckFailed(
                f"{said}: {fault.message}",
                level=fault.level,
                exchange=exchange,
                contract_location=fault.contract_location,
            )

    def wait_for(
        self, read: Callable[[], Any], matches: Matcher[Any], within: float | None = None
    ) -> Any:
        """Return the value once it matches. Raise CheckFailed if it does not in time."""
        only_end = matches is is_finished
        value, why = self.poller.until(read, matches, within, only_end=only_end)
        if why:
            missed = self.poller.waits.missed_by(value)
            raise CheckFailed(
                why,
                caused_by="" if missed is None else missed.transition.cause,
                waited_for="" if missed is None else missed.name,
            )
        return value

    def listen(
        self, run_id: str, ready: Callable[[Stream], bool], within: float | None = None
    ) -> Stream:
        """The run's stream, closed again, as far as it went until `ready` or its end."""
        with self.api.events(run_id) as stream:
            self.poller.follow(stream, ready, within)
        return stream

    def observe(
        self, question: str, *answers: str, observed: str, exchange: int | None = None
    ) -> None:
        """Record the known answers to an open question that an observation leaves possible.

        No answer means that it fits none of them. Raise ValueError for an unknown answer.
        """
        if unknown := set(answers) - set(self.questions[question].answers):
            raise ValueError(f"{sorted(unknown)} are not answers to {question}")
        clean = self.api.target.traffic.redactor.text(observed)
        self.observations.append(Observation(question, answers, clean, exchange))

    def observe_status(self, question: str, response: Response, words: Mapping[int, str]) -> None:
        """Record the answer that the status code decides: `words` has it by status code."""
        known = (words[response.status],) if response.status in words else ()
        self.observe(question, *known, observed=response.summary, exchange=response.exchange)
