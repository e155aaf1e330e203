"""Plan a run by a rate limit: how long it takes at the allowed rate, which checks come first, and
which do not fit into the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import yaml

from conformance.errors import Inconclusive
from conformance.resources import request_counts_file
from conformance.vocabulary import Untested

# Requests before the first check and after the last one.
_OVERHEAD = 30
# A check whose requests are not counted.
UNKNOWN_REQUESTS = 10
_FUZZ = "FUZZ-"
# Seconds that a requirement's checks wait for runs and responses besides, where runs are short.
_WAITS = 0.5


@cache
def request_counts() -> Mapping[str, int]:
    """Return the usual number of requests of each requirement's checks together."""
    counts: dict[str, int] = yaml.safe_load(request_counts_file().read_text(encoding="utf-8"))
    return counts


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a run of `requests` will go at the allowed rate: it takes `minutes`, and `fit` of the
    requirements fit into the budget, in seconds."""

    per_minute: float
    requests: int
    fit: int
    requirements: int
    budget: float

    @property
    def minutes(self) -> float:
        """The minutes that all requests take, and the waits of the checks."""
        return self.requests / self.per_minute + self.requirements * _WAITS / 60

    @property
    def text(self) -> str:
        """The forecast as a sentence."""
        text = (
            f"Rate limit: at {self.per_minute:.0f} requests a minute, {self.requests} requests "
            f"take about {max(1.0, self.minutes):.0f} min"
        )
        if self.fit == self.requirements:
            return f"{text}; all {self.requirements} requirements fit into the budget."
        return (
            f"{text}; {self.fit} of {self.requirements} requirements fit into the budget of "
            f"{self.budget / 60:.0f} min (--budget)."
        )


class RequestPlan:
    """A plan for the checks of these requirements, one name for each check; `per_minute` is 0 where
    nothing limits requests. All FUZZ checks share their requests."""

    def __init__(self, per_minute: float, checks: Sequence[str], budget: float) -> None:
        self.per_minute = per_minute
        self._checks = Counter(checks)
        self._budget = budget
        self._fuzz = [each for each in self._checks if each.startswith(_FUZZ)]
        self._has_fuzzed = False

    def cost(self, requirement: str) -> int:
        """Return the number of requests of the requirement's checks."""
        counts = request_counts()
        shared = self._fuzz if requirement.startswith(_FUZZ) else [requirement]
        return sum(counts.get(each, UNKNOWN_REQUESTS) for each in shared)

    def begin(self, requirement: str, left: float) -> float:
        """Return the seconds that one of the requirement's checks takes at the allowed rate, as it
        begins. Raise Inconclusive if fewer are left."""
        if not self.per_minute or (self._has_fuzzed and requirement.startswith(_FUZZ)):
            return 0.0
        left = max(0.0, left)
        checks = 1 if requirement.startswith(_FUZZ) else max(1, self._checks[requirement])
        needed = self.cost(requirement) / checks * 60 / self.per_minute
        if needed > left:
            raise Inconclusive(
                f"its requests take about {max(1.0, needed):.0f} s at the rate limit, more than is "
                f"left of the budget: raise --budget",
                reason=Untested.DID_NOT_FIT,
            )
        self._has_fuzzed = self._has_fuzzed or requirement.startswith(_FUZZ)
        return needed

    @property
    def forecast(self) -> Forecast | None:
        """The forecast; None if nothing limits requests, or the limit will not be felt."""
        costs = sorted(self.cost(each) for each in self._checks if each not in self._fuzz)
        costs += [self.cost(self._fuzz[0])] if self._fuzz else []
        requests = sum(costs) + _OVERHEAD
        if not self.per_minute:
            return None
        times = accumulate(cost * 60 / self.per_minute + _WAITS for cost in costs)
        left = self._budget - _OVERHEAD * 60 / self.per_minute
        fit = sum(total <= left for total in times)
        if self._fuzz and fit == len(costs):
            fit = len(self._checks)
        if fit == len(self._checks) and requests <= self.per_minute:
            return None
        return Forecast(self.per_minute, requests, fit, len(self._checks), self._budget)

    @property
    def too_long(self) -> bool:
        """Whether some of the checks do not fit into the budget."""
        forecast = self.forecast
        return forecast is not None and forecast.fit < forecast.requirements
