"""Waiting for the target, on its own clock where that can be moved: look, let time go by, look
again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from conformance.assertions.matchers import Matcher, has_status, is_finished
from conformance.client.api import Api
from conformance.client.stream import Stream
from conformance.errors import Inconclusive
from conformance.harness.wait_history import WaitHistory
from conformance.provision.protocol import Clock, RealClock
from conformance.vocabulary import FINISHED, Status

T = TypeVar("T")
_STEP = 0.5
_DELIVERY = 0.05
# Effects of a run's end show within this, in real time; a clock moves further.
_REAL_EFFECT_TIME = 2.0
_EFFECT_TIME = 120.0
# Steps that go over into each other do so within this, in real time.
_REAL_STABLE_TIME = 1.0
_STABLE_TIME = 10.0
_MAX_STABLE_WAITS = 5
# Timestamps that are kept to the second differ after this.
_TICK = 1.1
# In real time, a wait that has taken long may be looked at less often: this part of it, in seconds.
_POLL_SHARE, _MAX_POLL = 0.15, 1.0

# The requirements that runs end in these statuses.
_ENDS: dict[tuple[Status, ...], str] = {
    (Status.COMPLETED,): "LIFE-02",
    (Status.FAILED,): "LIFE-03",
    (Status.CANCELLED,): "CANCEL-03",
}


class StatusPassed(Inconclusive):
    """A run was past the status that it should have been met in."""


class NotReached(Inconclusive):
    """A run did not get into a status in time, nor did `times - 1` others before it."""

    times = 1


@dataclass(frozen=True, slots=True)
class Poller:
    """`patience` is how many seconds of the target's time a run is given to get somewhere, at
    most: `waits` may show that less will do."""

    clock: Clock
    patience: float
    waits: WaitHistory = field(default_factory=WaitHistory)

    @property
    def real_time(self) -> bool:
        """Whether time can only be waited for."""
        return isinstance(self.clock, RealClock)

    def until(
        self,
        read: Callable[[], T],
        matches: Matcher[T],
        within: float | None = None,
        wanted: Matcher[T] | None = None,
        *,
        only_end: bool = False,
    ) -> tuple[T, str | None]:
        """Read until the value matches; return the last value, and its fault or None.

        Wait at most `within` seconds. `wanted` is the matcher that the wait is for, if `matches`
        ends it sooner. With `only_end` the value is a run of which only the end is of interest, so
        that it is not read while others of its kind have not ended either.
        """
        patience = self.patience if within is None else within
        seconds = 0.0
        while True:
            value = read()
            why = matches(value)
            if why is None:
                self.waits.came(value, seconds)
                return value, None
            if seconds >= self.waits.limit(value, patience):
                self.waits.gave_up(value, seconds, patience, wanted or matches)
                return value, why
            if only_end and isinstance(value, Mapping):
                due = min(self.waits.due(str(value.get("id"))), patience - seconds)
                self.advance(due)
                seconds += due
            seconds += self._pause(seconds)

    def _pause(self, waited: float) -> float:
        """Let a little time go by, more of it the longer it has been already."""
        passed = self.clock.advance(_STEP)
        while self.real_time and passed < min(_MAX_POLL, _POLL_SHARE * waited):
            passed += self.clock.advance(_STEP)
        return passed

    def advance(self, seconds: float) -> None:
        """Let this much of the target's time go by, in real time where it cannot be moved."""
        while seconds > 0:
            seconds -= self.clock.advance(seconds)

    def tick(self) -> None:
        """Let so much time go by that the next timestamp differs from the last one, also where
        they are kept to the second."""
        self.advance(_TICK)

    def wait_for_effects(self, since: float) -> None:
        """Wait until pending effects must have shown, counted from `since` by the monotonic clock.

        Real time that has passed since is not waited for again.
        """
        self.advance(
            max(0.0, since + _REAL_EFFECT_TIME - time.monotonic())
            if self.real_time
            else _EFFECT_TIME
        )

    def wait_until_stable(self, read: Callable[[], object]) -> None:
        """Let time go by until nothing happens for a while, but not for ever."""
        before = read()
        for _ in range(_MAX_STABLE_WAITS):
            self.advance(_REAL_STABLE_TIME if self.real_time else _STABLE_TIME)
            after = read()
            if after == before:
                return
            before = after

    def wait_for_status(
        self, api: Api, run_id: str, *statuses: Status, within: float | None = None
    ) -> dict[str, Any]:
        """The run, once it has one of these statuses; Inconclusive if it never does, and at once
        if it has gone past them."""
        has_wanted_status = has_status(*statuses)

        def settled(run: dict[str, Any]) -> str | None:
            # Nothing goes back to pending, and nothing leaves a final status, by itself.
            past = statuses == (Status.PENDING,) or is_finished(run) is None
            return None if past else has_wanted_status(run)

        run, _ = self.until(
            lambda: api.run(run_id),
            settled,
            within,
            has_wanted_status,
            only_end=FINISHED.issuperset(statuses),
        )
        why = has_wanted_status(run)
        if why is None:
            return run
        if settled(run) is None:
            wanted = " or ".join(statuses)
            if statuses in _ENDS:
                raise StatusPassed(
                    f"{why}, and it has ended; provide one that ends {wanted}, or a longer one",
                    caused_by=_ENDS[statuses],
                )
            raise StatusPassed(
                f"{why}: it had left that status before it was read; provide runs that are "
                f"{wanted} for some seconds"
            )
        raise self.not_reached(run, f"{why}, and it was given {{}} s")

    def not_reached(self, run: dict[str, Any], why: str) -> NotReached:
        """Return that this run is not where it should be, with the requirement that is about it;
        `why` has a place for the number of seconds."""
        missed = self.waits.missed_by(run)
        seconds = self.patience if missed is None else missed.seconds
        why = why.format(f"{seconds:.0f}")
        if missed is not None and missed.transition.is_unknown:
            why = f"the run is {run.get('status')!r}, a status that the contract does not know"
        elif missed is None or not missed.transition.cause:
            why += ": more by --patience, or provide quicker runs"
        return NotReached(
            why,
            caused_by="" if missed is None else missed.transition.cause,
            waited_for="" if missed is None else missed.name,
        )

    def follow(
        self, stream: Stream, ready: Callable[[Stream], bool], within: float | None = None
    ) -> bool:
        """Listen until `ready` or the stream's end while the target's time goes by."""
        limit = self.waits.stream_limit(self.patience if within is None else within)
        seconds = 0.0
        while not stream.wait(_DELIVERY, ready):
            if stream.ended or seconds >= limit:
                self.waits.heard(ready(stream), seconds)
                return ready(stream)
            seconds += _DELIVERY + self.clock.advance(_STEP)
        self.waits.heard(True, seconds)
        return True
