"""Divide the checks of a run into shards, so that machines share the work: every shard finds the
same division from the same checks, number of shards and weights."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.results.record import Shard
from conformance.runner.request_plan import UNKNOWN_REQUESTS, request_counts
from conformance.runner.selection import SelectedCheck

# A check takes as long as so many requests more, for what it waits.
_WAITS = 5.0
Weights = Mapping[tuple[str, str], float]
"""The seconds that each check took in an earlier run, by requirement and name."""


@dataclass(frozen=True, slots=True)
class Division:
    """The number of each check's shard, from 1, in the order of the checks; `digest` is different
    for every other division."""

    shards: tuple[int, ...]
    digest: str


def divide(checks: Sequence[SelectedCheck], count: int, weights: Weights) -> Division:
    """Divide the checks by weight; those that share an observation stay together."""
    each = _seconds(checks, weights) if weights else _requests(checks)
    units: dict[str, list[int]] = {}
    for place, check in enumerate(checks):
        units.setdefault(check.info.shares or f"{place}", []).append(place)
    by_weight = {name: sum(each[n] for n in places) for name, places in units.items()}
    loads = [0.0] * count
    shards = [0] * len(checks)
    for name in sorted(units, key=lambda name: (-by_weight[name], units[name][0])):
        lightest = loads.index(min(loads))
        loads[lightest] += by_weight[name]
        for place in units[name]:
            shards[place] = lightest + 1
    listed = [[*_key(check), shard] for check, shard in zip(checks, shards, strict=True)]
    return Division(tuple(shards), hashlib.sha256(json.dumps(listed).encode()).hexdigest())


def part(checks: Sequence[SelectedCheck], division: Division, shard: Shard) -> list[SelectedCheck]:
    """Return the checks of the shard."""
    pairs = zip(checks, division.shards, strict=True)
    return [check for check, number in pairs if number == shard.index]


def _key(check: SelectedCheck) -> tuple[str, str]:
    return check.info.requirement, check.item.name


def _seconds(checks: Sequence[SelectedCheck], weights: Weights) -> list[float]:
    """Return the seconds of each check; one that has no weight takes as long as others do."""
    known = [weights[key] for check in checks if (key := _key(check)) in weights]
    usual = sum(known) / len(known) if known else 1.0
    return [weights.get(_key(check), usual) for check in checks]


def _requests(checks: Sequence[SelectedCheck]) -> list[float]:
    """Return the usual number of requests of each check, and some for its waits."""
    requests, number = request_counts(), Counter(check.info.requirement for check in checks)
    return [
        requests.get(name, UNKNOWN_REQUESTS) / number[name] + _WAITS
        for name in (check.info.requirement for check in checks)
    ]
