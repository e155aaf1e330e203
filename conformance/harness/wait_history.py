"""Learn from waits. A transition that did not come is waited for once; later waits for the same
kind of transition are short, and name the requirement that is about it. How long runs take says how
long the first wait has to be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from conformance.assertions.matchers import parse_timestamp
from conformance.client.response import Response
from conformance.errors import Outcome
from conformance.vocabulary import FINISHED, State, Status

# The last operation on a run, apart from providing it in a state.
CANCEL, RETRY = "cancel", "retry"
# Seconds. A first wait is this many times as long as a run has taken, and no shorter than this.
_TIMES, _MIN_FIRST = 10, 8.0
# How long a missed transition may still come until the end of the run: this many times as long as a
# run has taken, and no shorter than this part of the patience.
_LATE_TIMES, _LATE_SHARE = 25, 1 / 3
# A run may end sooner than others of its kind: it is looked at after this part of the shortest.
_EARLY = 0.9
# A later wait for a transition or event that was missed before.
_LATER = 1.0
# A status that the contract does not know may lead to one that it knows.
_GRACE = 2.0
_CAUSES = {
    State.SUCCEEDS: "LIFE-02",
    State.DIAMOND: "LIFE-02",
    State.COMPLETED: "LIFE-02",
    State.FAILS: "LIFE-03",
    State.FAILS_ONCE: "LIFE-03",
    CANCEL: "CANCEL-03",
    RETRY: "RETRY-18",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """A kind of transition: the last operation on a run, and the status that it is to leave."""

    origin: str
    status: str

    @property
    def is_unknown(self) -> bool:
        """Whether the contract does not know the status."""
        return self.status not in set(Status)

    @property
    def cause(self) -> str:
        """The requirement that is about it, or "" for none."""
        if self.is_unknown:
            return "GET-01"
        if self.origin == CANCEL and self.status == Status.PENDING:
            return "CANCEL-02"
        return _CAUSES.get(self.origin, "")


@dataclass(frozen=True, slots=True)
class Missed:
    """A transition that did not come: of which run, since when by the monotonic clock, and after
    how many seconds the wait was given up; `short` of the patience that was configured. `matches`
    is the matcher of the wait."""

    transition: Transition
    run_id: str
    since: float
    seconds: float
    short: bool
    matches: Callable[[Any], str | None]

    @property
    def name(self) -> str:
        """The name of the transition, in results."""
        return f"{self.transition.origin} {self.transition.status}"


@dataclass(slots=True)
class WaitHistory:
    """Keep the results of a session's waits; `real_time` says that no clock can be moved."""

    real_time: bool = True
    missed: dict[Transition, Missed] = field(default_factory=dict)
    _origins: dict[str, str] = field(default_factory=dict)
    _begun: dict[str, float] = field(default_factory=dict)
    _times_missed: dict[Transition, int] = field(default_factory=dict)
    # Each longer than the one before it.
    _lives: list[float] = field(default_factory=list)
    # By the last operation before the end.
    _shortest: dict[str, float] = field(default_factory=dict)
    _streams_missed: int = 0

    def lane(self) -> WaitHistory:
        """Return a history for another thread: it shares all but what was missed on streams."""
        return replace(self, _streams_missed=0)

    @property
    def longest_life(self) -> float:
        """The seconds from the creation of a run to its end, of the longest; 0 if unknown."""
        return max(self._lives, default=0.0)

    def provided(self, run_id: str, state: State) -> None:
        """Note that this run was provided just now."""
        self._origins[run_id] = state
        self._begun[run_id] = time.monotonic()

    def observe(self, response: Response) -> None:
        """Note a cancel or retry that was accepted."""
        path, _, action = urlsplit(response.url).path.rpartition("/")
        if response.method != "POST" or action not in (CANCEL, RETRY):
            return
        if not 200 <= response.status < 300:
            return
        run_ids = [path.rpartition("/")[2]]
        with suppress(Outcome):
            run_ids.append(str(response.object().get("id")))
        for run_id in run_ids:
            self._origins[run_id] = action
            self._begun[run_id] = time.monotonic()

    def limit(self, value: object, patience: float) -> float:
        """Return how many seconds a wait may take in all, given the run that was just read."""
        transition = self._transition(value)
        if transition is None:
            return patience
        if transition in self.missed:
            times = self._times_missed[transition]
            return min(patience, 0.0 if transition.is_unknown else _LATER / times)
        if transition.is_unknown:
            return min(patience, _GRACE)
        return self._first(patience)

    def came(self, value: object, seconds: float) -> None:
        """Note that a wait of this many seconds ended as it should, with this run."""
        if not isinstance(value, Mapping) or value.get("status") not in FINISHED:
            return
        run_id = str(value.get("id"))
        origin = self._origins.get(run_id)
        if origin is None or origin == CANCEL:
            return
        stated, seen = _life_of(value), time.monotonic() - self._begun[run_id]
        likely = min(stated or seen, seen)
        self._shortest[origin] = min(likely, self._shortest.get(origin, likely))
        # A run that had ended before the first read states its duration itself.
        life = seen if seconds else stated
        if origin != RETRY and life > self.longest_life:
            self._lives.append(life)

    def due(self, run_id: str) -> float:
        """Return the seconds until the end of a run is worth a look: others that were provided or
        retried likewise took longer. 0 if none is known."""
        shortest = self._shortest.get(self._origins.get(run_id, ""))
        if shortest is None or not self.real_time:
            return 0.0
        return max(0.0, self._begun[run_id] + _EARLY * shortest - time.monotonic())

    def gave_up(
        self,
        value: object,
        seconds: float,
        patience: float,
        matches: Callable[[Any], str | None],
    ) -> None:
        """Record that a wait ended without the transition; `patience` is its limit in seconds."""
        transition = self._transition(value)
        if transition is None or not isinstance(value, Mapping):
            return
        self._times_missed[transition] = self._times_missed.get(transition, 0) + 1
        since, short = time.monotonic() - seconds, self.real_time and seconds < patience
        self.missed.setdefault(
            transition, Missed(transition, str(value.get("id")), since, seconds, short, matches)
        )

    def missed_by(self, value: object) -> Missed | None:
        """Return the transition that this run has missed, as it was missed first; None if none."""
        transition = self._transition(value)
        return None if transition is None else self.missed.get(transition)

    def given_up_at(self, missed: Missed, patience: float) -> float:
        """Return until when a transition may still come, by the monotonic clock."""
        seconds = max(_LATE_SHARE * patience, _LATE_TIMES * self.longest_life)
        return missed.since + min(patience, seconds)

    def stream_limit(self, patience: float) -> float:
        """Return how many seconds to listen for an event."""
        if self._streams_missed:
            return min(patience, _LATER)
        return self._first(patience)

    def heard(self, ready: bool, seconds: float) -> None:
        """Record whether a stream brought the event that was waited for."""
        self._streams_missed = 0 if ready else self._streams_missed + bool(seconds)

    def _first(self, patience: float) -> float:
        if not self.real_time or not self.longest_life:
            return patience
        return min(patience, max(_MIN_FIRST, _TIMES * self.longest_life))

    def _transition(self, value: object) -> Transition | None:
        """Return the transition that the run is to make; None if it is not a run of the kit."""
        if not isinstance(value, Mapping) or not isinstance(value.get("status"), str):
            return None
        origin = self._origins.get(str(value.get("id")))
        return None if origin is None else Transition(origin, value["status"])


def _life_of(run: Mapping[str, Any]) -> float:
    """Return the seconds from the run's creation to its end by its timestamps; 0 if unknown."""
    try:
        ended, created = map(parse_timestamp, (run.get("completedAt"), run.get("createdAt")))
    except ValueError:
        return 0.0
    return max(0.0, (ended - created).total_seconds())
