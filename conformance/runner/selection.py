"""Choose the checks of a run among those that pytest has collected, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from conformance.catalogue.requirements import Catalogue
from conformance.catalogue.versions import is_newer
from conformance.harness.markers import CheckInfo, info_of
from conformance.runner.budget import position
from conformance.runner.request_plan import RequestPlan
from conformance.runner.workers import keep_together
from conformance.vocabulary import Operation

_CHANGING = (Operation.CANCEL, Operation.RETRY)
# The place of a check in the usual order, kept with its item.
POSITION = pytest.StashKey[int]()


@dataclass(frozen=True, slots=True)
class SelectedCheck:
    """A check that was collected, with its description."""

    info: CheckInfo
    item: pytest.Item


@dataclass(slots=True)
class Selection:
    """The checks that a run is to do, those of the kit that it leaves out, and tests that are not
    checks."""

    kept: list[SelectedCheck] = field(default_factory=list)
    dropped: list[pytest.Item] = field(default_factory=list)
    others: list[pytest.Item] = field(default_factory=list)

    @property
    def requirements(self) -> tuple[str, ...]:
        """The requirement of each check."""
        return tuple(each.info.requirement for each in self.kept)


def select(
    items: Sequence[pytest.Item], catalogue: Catalogue, wanted: frozenset[str], version: str
) -> Selection:
    """Return the checks of these requirements that the version of the catalogue has, in their usual
    order: first those by hand that change nothing."""
    found = Selection()
    for item in items:
        info = info_of(item)
        if info is None:
            found.others.append(item)
            continue
        keep_together(item)
        if info.requirement in wanted and not is_newer(info.since, version):
            found.kept.append(SelectedCheck(info, item))
        else:
            found.dropped.append(item)
    order = list(catalogue.requirements)

    def rank(check: SelectedCheck) -> tuple[int, ...]:
        info = check.info
        changing = catalogue[info.requirement].operation in _CHANGING or info.changes_runs
        return position(info), changing, order.index(info.requirement)

    found.kept.sort(key=rank)
    for place, check in enumerate(found.kept):
        check.item.stash[POSITION] = place
    return found


def cheapest_first(checks: Sequence[SelectedCheck], plan: RequestPlan) -> list[SelectedCheck]:
    """Return the checks by the number of their requests where not all of them fit into the budget,
    so that the most do."""
    if not plan.too_long:
        return list(checks)
    return sorted(checks, key=lambda check: plan.cost(check.info.requirement))
