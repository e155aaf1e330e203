"""Which faults a world has: rules, how often and how long each applies, and presets of them.

A rule names one or more faults and, where it does not apply to every request, to which operations,
with which probability, how many times, and for how long on the world's clock. Rules are checked by
the same model whether they come from a file under ``fixtures/faults`` or from the control API.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from mock_server import yaml_model
from mock_server.engine.clock import to_text
from mock_server.engine.duration import format_duration, parse_span
from mock_server.engine.enums import STREAMING, Operation
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.faults import rate_limit
from mock_server.faults.delay import Delays
from mock_server.faults.rate_limit import RateLimit, Window
from mock_server.faults.response_faults import (
    Dribble,
    Drop,
    Fault,
    FaultContext,
    Latency,
    Malformed,
    Status,
    Truncated,
)
from mock_server.faults.stream_faults import Cut, Duplicate, HalfEvent, Reconnect, Reorder, Silence
from mock_server.journal.exchange import Exchange

MAX_RULES = 100


def _lasts(text: object) -> int:
    span = parse_span(text)
    if span.minimum != span.maximum or not span.minimum:
        raise ValueError(f"{text!r} is no time to last; write one duration such as 30s or 5m")
    return span.minimum


class Rule(yaml_model.Model):
    """Faults and when they apply. They wrap the answer in the order in which they stand here, so
    that the last are nearest to the wire."""

    status: Status | None = None
    malformed: Malformed | None = None
    # Within: a window of copies of one event could not be put out of order.
    reorder: Reorder | None = None
    duplicate: Duplicate | None = None
    reconnect: Reconnect | None = None
    half_frame: HalfEvent | None = Field(default=None, alias="halfFrame")
    cut: Cut | None = None
    silence: Silence | None = None
    truncated: Truncated | None = None
    dribble: Dribble | None = None
    drop: Drop | None = None
    latency: Latency | None = None

    rate_limit: RateLimit | None = Field(default=None, alias="rateLimit")

    operations: list[Annotated[Operation, Field(strict=False)]] = Field(
        default=[], max_length=len(Operation)
    )
    probability: float = Field(default=1.0, gt=0, le=1)
    count: int | None = Field(default=None, ge=1, le=2**53)
    lasts: Annotated[int, BeforeValidator(_lasts), PlainSerializer(format_duration)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        faults = self.faults()
        if not faults and self.rate_limit is None:
            raise ValueError(f"names no fault; there are: {', '.join(KINDS)}, {rate_limit.NAME}")
        if self.rate_limit and (faults or self.count is not None or self.probability != 1):
            raise ValueError(
                f"{rate_limit.NAME} stands alone: without other faults, count and probability"
            )
        if faults and not any(map(self.faults_for, Operation)):
            names = ", ".join(fault.name for fault in faults)
            kind = "event streams" if faults[0].affects_streams else "answers in one piece"
            raise ValueError(f"{names} befalls {kind} only, which none of the operations gives")
        return self

    def written(self) -> Json:
        """The rule as people write it, with what it has by default."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def faults(self) -> list[Fault]:
        """The faults it names, the innermost first."""
        named = (getattr(self, field) for field in _FIELDS)
        return [fault for fault in named if fault is not None]

    def applies_to(self, operation: str) -> bool:
        """Whether it is for that operation."""
        return not self.operations or operation in self.operations

    def faults_for(self, operation: Operation) -> list[Fault]:
        """Those of its faults that an answer of that operation can have."""
        if not self.applies_to(operation):
            return []
        streams = operation in STREAMING
        return [
            one for one in self.faults() if (one.affects_streams if streams else one.affects_bodies)
        ]


KINDS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        Status,
        Malformed,
        Reorder,
        Duplicate,
        Reconnect,
        HalfEvent,
        Cut,
        Silence,
        Truncated,
        Dribble,
        Drop,
        Latency,
    )
}
"""Every kind of fault by its name, in the order in which they wrap an answer."""

_FIELDS = [name for name, field in Rule.model_fields.items() if (field.alias or name) in KINDS]
_ORDER = {name: number for number, name in enumerate(KINDS)}

AppliedFault = tuple[Fault, FaultContext]


class ActiveRule:
    """A rule in force. ``until`` is an instant of the world, ``left`` how many times it will yet
    apply; None for no end."""

    __slots__ = ("applied", "id", "left", "met", "rule", "until", "window")

    def __init__(self, number: int, rule: Rule, now: int) -> None:
        self.id = number
        self.rule = rule
        self.until = None if rule.lasts is None else now + rule.lasts
        self.left = rule.count
        self.met = 0
        self.applied = 0
        self.window = None if rule.rate_limit is None else Window(rule.rate_limit)

    def shown(self) -> Json:
        """The rule as the control API shows it."""
        return {
            "id": self.id,
            "rule": self.rule.written(),
            "applied": self.applied,
            "expiresAt": None if self.until is None else to_text(self.until),
        }


class ActiveRuleFile(yaml_model.Model):
    """A rule in force, as it is written down with its world; ``window`` is the present one of a
    rate limit: when it ends, and how many requests it has counted."""

    id: Annotated[int, Field(ge=1)]
    rule: Rule
    until: Annotated[int, Field(ge=0)] | None
    left: Annotated[int, Field(ge=1)] | None
    met: Annotated[int, Field(ge=0)]
    applied: Annotated[int, Field(ge=0)]
    window: Annotated[tuple[int, int], Field(strict=False)] | None


class FaultsFile(yaml_model.Model):
    """A world's faults as they are written down: how many rules there were, how many requests
    asked for faults by themselves, and the rules in force."""

    added: Annotated[int, Field(ge=0)]
    asked: Annotated[int, Field(ge=0)]
    rules: Annotated[list[ActiveRuleFile], Field(max_length=MAX_RULES)]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        ids = [one.id for one in self.rules]
        if ids != sorted(set(ids)) or (ids and ids[-1] > self.added):
            raise ValueError("rules are in order of their ids, which were counted in added")
        for one in self.rules:
            if (one.window is None) != (one.rule.rate_limit is None):
                raise ValueError(f"rule {one.id}: a rate limit has a window, and nothing else has")
        return self


class Faults:
    """The rules of one world. ``limits`` and ``breaks`` are those in force: rate limits, and those
    that break answers; both are empty as long as nobody asked for faults."""

    def __init__(self, seed: int, world: str) -> None:
        self.delays = Delays()
        self.limits: list[ActiveRule] = []
        self.breaks: list[ActiveRule] = []
        self._seed = seed
        self._world = world
        self._added = 0
        self._asked = 0

    def __iter__(self) -> Iterator[ActiveRule]:
        return iter(sorted([*self.limits, *self.breaks], key=lambda one: one.id))

    def add(self, rules: Sequence[Rule], now: int) -> list[ActiveRule]:
        """Put ``rules`` in force, all or none. Raises HttpError (409) when they would be too many."""
        self.expire(now)
        if len(self.limits) + len(self.breaks) + len(rules) > MAX_RULES:
            raise HttpError(409, f"A world has at most {MAX_RULES} faults: remove some.")
        added = [
            ActiveRule(number, rule, now) for number, rule in enumerate(rules, self._added + 1)
        ]
        self._added += len(rules)
        self.limits += [one for one in added if one.window is not None]
        self.breaks += [one for one in added if one.window is None]
        return added

    def remove(self, number: int) -> bool:
        """Put the rule of that number out of force; whether there was one."""
        before = len(self.limits) + len(self.breaks)
        self.limits = [one for one in self.limits if one.id != number]
        self.breaks = [one for one in self.breaks if one.id != number]
        return len(self.limits) + len(self.breaks) < before

    def clear(self) -> None:
        """Put every rule out of force."""
        self.limits, self.breaks = [], []

    def expire(self, now: int) -> None:
        """Forget the rules whose time or count is over."""
        self.limits = [one for one in self.limits if not _is_over(one, now)]
        self.breaks = [one for one in self.breaks if not _is_over(one, now)]

    def admit(self, operation: str, exchange: Exchange, now: int) -> None:
        """Count a request against the limits, and have its answer say so. Raises HttpError (429)."""
        self.expire(now)
        tightest: tuple[int, Window] | None = None
        for standing in self.limits:
            if standing.window is None or not standing.rule.applies_to(operation):
                continue
            standing.applied += 1
            left = standing.window.count(now)
            if tightest is None or left < tightest[0]:
                tightest = left, standing.window
        if tightest is None:
            return
        left, window = tightest
        exchange.added += window.headers(left)
        if left < 0:
            exchange.faults += (rate_limit.NAME,)
            raise HttpError(
                429, "Rate limit exceeded", {"Retry-After": str(window.retry_after(now))}
            )

    def select(self, operation: Operation, exchange: Exchange, now: int) -> list[AppliedFault]:
        """The faults that a request meets, the innermost first."""
        self.expire(now)
        found: list[AppliedFault] = []
        for standing in self.breaks:
            faults = standing.rule.faults_for(operation)
            if not faults or (standing.rule.status and any(_is_status(one) for one, _ in found)):
                continue  # Of two statuses the first is given, and the second kept for later.
            standing.met += 1
            context = self._context(exchange, "fault", standing.id, standing.met)
            if context.rng("happens").happens(standing.rule.probability):
                standing.applied += 1
                if standing.left is not None:
                    standing.left -= 1
                found += [(fault, context) for fault in faults]
        self.expire(now)
        return _in_order(found)

    def select_requested(
        self, rules: Sequence[Rule], operation: Operation, exchange: Exchange
    ) -> list[AppliedFault]:
        """The faults that a request asked for by itself: those of ``rules``, in their
        probability."""
        self._asked = number = self._asked + 1
        found: list[AppliedFault] = []
        for index, rule in enumerate(rules):
            context = self._context(exchange, "asked", number, index)
            if context.rng("happens").happens(rule.probability):
                found += [(fault, context) for fault in rule.faults_for(operation)]
        return _in_order(found)

    def written(self, now: int) -> Json:
        """What a ``FaultsFile`` is read from."""
        self.expire(now)
        return {
            "added": self._added,
            "asked": self._asked,
            "rules": [
                {
                    "id": one.id,
                    "rule": one.rule.model_dump(mode="json", by_alias=True, exclude_none=True),
                    "until": one.until,
                    "left": one.left,
                    "met": one.met,
                    "applied": one.applied,
                    "window": None if one.window is None else one.window.state,
                }
                for one in self
            ],
        }

    def take_up(self, written: FaultsFile) -> None:
        """Have, from fresh ones, the faults that were written down."""
        self._added, self._asked = written.added, written.asked
        for one in written.rules:
            standing = ActiveRule(one.id, one.rule, 0)
            standing.until, standing.left = one.until, one.left
            standing.met, standing.applied = one.met, one.applied
            if standing.window is None or one.window is None:
                self.breaks.append(standing)
            else:
                standing.window.state = one.window
                self.limits.append(standing)

    def close(self) -> None:
        """End every pause; the world is gone."""
        self.delays.close()

    def _context(self, exchange: Exchange, *path: object) -> FaultContext:
        return FaultContext(exchange, self.delays, self._seed, self._world, *path)


class Preset(yaml_model.Model):
    """Rules under a name, as a file under ``fixtures/faults`` holds them."""

    summary: str
    rules: list[Rule] = Field(min_length=1, max_length=MAX_RULES)


def presets(directory: Path) -> dict[str, Preset]:
    """The presets in ``directory`` by name. Raises FileError."""
    return {
        path.stem: yaml_model.load(path, Preset)[0] for path in sorted(directory.glob("*.yaml"))
    }


def _is_over(standing: ActiveRule, now: int) -> bool:
    return standing.left == 0 or (standing.until is not None and now >= standing.until)


def _is_status(fault: Fault) -> bool:
    return isinstance(fault, Status)


def _in_order(found: list[AppliedFault]) -> list[AppliedFault]:
    """The innermost first."""
    return sorted(found, key=lambda one: _ORDER[one[0].name])
