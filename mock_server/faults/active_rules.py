"""The rules in force in one world: when they end, how often they were applied, what they draw."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from mock_server import yaml_model
from mock_server.engine.clock import LATEST, to_text
from mock_server.engine.duration import MAX_DURATION
from mock_server.engine.enums import Operation
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.faults import rate_limit
from mock_server.faults.delay import Delays
from mock_server.faults.fault import Fault, FaultContext
from mock_server.faults.rate_limit import Window
from mock_server.faults.rules import MAX_RULES, Rule
from mock_server.journal.exchange import Exchange
from mock_server.yaml_model import Count

FutureInstant = Annotated[int, Field(strict=True, ge=0, le=LATEST + MAX_DURATION)]
"""An instant that is later than a clock by the longest duration at most."""

AppliedFault = tuple[Fault, FaultContext]


class ActiveRule:
    """A rule in force.

    ``until`` is an instant of the world and ``remaining`` the number of times it will still apply,
    each None for no limit. ``matched`` counts the requests for which it was drawn.
    """

    __slots__ = ("applied", "id", "matched", "remaining", "rule", "until", "window")

    def __init__(self, number: int, rule: Rule, now: int) -> None:
        self.id = number
        self.rule = rule
        self.until = None if rule.lasts is None else now + rule.lasts
        self.remaining: int | None = rule.count
        self.matched = 0
        self.applied = 0
        self.window = None if rule.rate_limit is None else Window(rule.rate_limit)

    def ended(self, now: int) -> bool:
        """Return whether its time or its count is over."""
        return self.remaining == 0 or (self.until is not None and now >= self.until)

    def to_json(self) -> Json:
        """Return the rule as in the control API."""
        return {
            "id": self.id,
            "rule": self.rule.dump(),
            "applied": self.applied,
            "expiresAt": None if self.until is None else to_text(self.until),
        }


class ActiveRuleFile(yaml_model.Model):
    """A rule in force, in the snapshot of a world; ``window`` is the current one of a rate limit:
    the instant at which it ends, and the requests that it has counted."""

    id: Annotated[Count, Field(ge=1)]
    rule: Rule
    until: FutureInstant | None
    left: Annotated[Count, Field(ge=1)] | None
    met: Count
    applied: Count
    window: Annotated[tuple[FutureInstant, Count], Field(strict=False)] | None


class FaultsFile(yaml_model.Model):
    """The faults in the snapshot of a world: how many rules were added, how many requests asked
    for faults themselves, and the rules in force."""

    added: Count
    asked: Count
    rules: Annotated[list[ActiveRuleFile], Field(max_length=MAX_RULES)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [one.id for one in self.rules]
        if ids != sorted(set(ids)) or (ids and ids[-1] > self.added):
            raise ValueError("rules are in order of their ids, which were counted in added")
        for one in self.rules:
            if (one.window is None) != (one.rule.rate_limit is None):
                raise ValueError(f"rule {one.id}: a rate limit has a window, and nothing else has")
        return self


class Faults:
    """The rules of one world, in two lists that are both empty until a rule is added:
    ``rate_limits``, and ``response_rules`` for those that change responses.

    ``observers`` are called after rules were added or removed.
    """

    def __init__(self, seed: int, world: str) -> None:
        self.delays = Delays()
        self.observers: tuple[Callable[[], None], ...] = ()
        self.rate_limits: list[ActiveRule] = []
        self.response_rules: list[ActiveRule] = []
        self._seed = seed
        self._world = world
        self._added = 0
        self._requested = 0

    def __iter__(self) -> Iterator[ActiveRule]:
        return iter(sorted([*self.rate_limits, *self.response_rules], key=lambda one: one.id))

    def __len__(self) -> int:
        return len(self.rate_limits) + len(self.response_rules)

    def add(self, rules: Sequence[Rule], now: int) -> list[ActiveRule]:
        """Put ``rules`` in force, all or none. Raise HttpError (409) for too many."""
        self.expire(now)
        if len(self) + len(rules) > MAX_RULES:
            raise HttpError(409, f"A world has at most {MAX_RULES} faults: remove some.")
        added = [
            ActiveRule(number, rule, now) for number, rule in enumerate(rules, self._added + 1)
        ]
        self._added += len(rules)
        self.rate_limits += [one for one in added if one.window is not None]
        self.response_rules += [one for one in added if one.window is None]
        self._changed()
        return added

    def remove(self, number: int) -> bool:
        """Remove the rule of that number; return whether there was one."""
        before = len(self)
        self.rate_limits = [one for one in self.rate_limits if one.id != number]
        self.response_rules = [one for one in self.response_rules if one.id != number]
        self._changed()
        return len(self) < before

    def clear(self) -> None:
        """Remove every rule."""
        self.rate_limits, self.response_rules = [], []
        self._changed()

    @property
    def next_expiry(self) -> int | None:
        """The instant at which the next rule ends by itself."""
        return min((one.until for one in self if one.until is not None), default=None)

    def expire(self, now: int) -> None:
        """Remove the rules that have ended."""
        self.rate_limits = [one for one in self.rate_limits if not one.ended(now)]
        self.response_rules = [one for one in self.response_rules if not one.ended(now)]

    def count_request(self, operation: str, exchange: Exchange, now: int) -> None:
        """Count a request against the rate limits and add their headers to its response.

        Raise HttpError (429) for a request beyond a limit.
        """
        self.expire(now)
        tightest: tuple[int, Window] | None = None
        for active in self.rate_limits:
            if active.window is None or not active.rule.applies_to(operation):
                continue
            active.applied += 1
            remaining = active.window.count(now)
            if tightest is None or remaining < tightest[0]:
                tightest = remaining, active.window
        if tightest is None:
            return
        remaining, window = tightest
        exchange.extra_headers += window.headers(remaining)
        if remaining < 0:
            exchange.faults += (rate_limit.NAME,)
            headers = {"Retry-After": str(window.retry_after(now))}
            raise HttpError(429, "Rate limit exceeded", headers)

    def select(self, operation: Operation, exchange: Exchange, now: int) -> list[AppliedFault]:
        """Draw the faults for a request; return the innermost first."""
        self.expire(now)
        found: list[AppliedFault] = []
        for active in self.response_rules:
            faults = active.rule.faults_for(operation)
            if not faults or (_replace_response(faults) and _replace_response(f for f, _ in found)):
                continue
            active.matched += 1
            context = self._context(exchange, "fault", active.id, active.matched)
            if context.rng("happens").happens(active.rule.probability):
                active.applied += 1
                if active.remaining is not None:
                    active.remaining -= 1
                found += [(fault, context) for fault in faults]
        self.expire(now)
        return _in_order(found)

    def select_requested(
        self, rules: Sequence[Rule], operation: Operation, exchange: Exchange
    ) -> list[AppliedFault]:
        """Draw from ``rules``, which the request itself asked for; return the innermost first."""
        self._requested = number = self._requested + 1
        found: list[AppliedFault] = []
        for index, rule in enumerate(rules):
            context = self._context(exchange, "asked", number, index)
            if context.rng("happens").happens(rule.probability):
                found += [(fault, context) for fault in rule.faults_for(operation)]
        return _in_order(found)

    def counters(self, now: int) -> tuple[object, ...]:
        """Return what differs whenever ``dump`` does, and is quicker to have."""
        if not (self.rate_limits or self.response_rules):
            return self._added, self._requested
        self.expire(now)
        rules = (
            (
                one.id,
                one.until,
                one.remaining,
                one.matched,
                one.applied,
                None if one.window is None else one.window.state,
            )
            for one in (*self.rate_limits, *self.response_rules)
        )
        return self._added, self._requested, *rules

    def dump(self, now: int) -> Json:
        """Return the content of a ``FaultsFile``."""
        self.expire(now)
        return {
            "added": self._added,
            "asked": self._requested,
            "rules": [
                {
                    "id": one.id,
                    "rule": one.rule.dump(),
                    "until": one.until,
                    "left": one.remaining,
                    "met": one.matched,
                    "applied": one.applied,
                    "window": None if one.window is None else one.window.state,
                }
                for one in self
            ],
        }

    def restore(self, file: FaultsFile) -> None:
        """Put the rules of ``file`` in force, in place of all others."""
        self.rate_limits, self.response_rules = [], []
        self._added, self._requested = file.added, file.asked
        for one in file.rules:
            active = ActiveRule(one.id, one.rule, 0)
            active.until, active.remaining = one.until, one.left
            active.matched, active.applied = one.met, one.applied
            if active.window is None or one.window is None:
                self.response_rules.append(active)
            else:
                active.window.state = one.window
                self.rate_limits.append(active)

    def close(self) -> None:
        """End every delay, because the world is closed."""
        self.delays.close()

    def _changed(self) -> None:
        for observer in self.observers:
            observer()

    def _context(self, exchange: Exchange, *path: object) -> FaultContext:
        return FaultContext(exchange, self.delays, self._seed, self._world, *path)


def _replace_response(faults: Iterable[Fault]) -> bool:
    return any(fault.replaces_response for fault in faults)


def _in_order(found: list[AppliedFault]) -> list[AppliedFault]:
    """Sort the innermost fault first."""
    return sorted(found, key=lambda one: one[0].order)
