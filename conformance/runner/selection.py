"""Choose the checks of a run among those that pytest has collected, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from conformance.catalogue.requirements import Catalogue
from conformance.catalogue.versions import is_newer
from conformance.harness.context import CheckContext
from conformance.harness.markers import CheckInfo, info_of
from conformance.runner.budget import MODEL, part_of, position
from conformance.runner.request_plan import RequestPlan
from conformance.runner.workers import keep_together
from conformance.vocabulary import Operation

# Observations of runs over time, and generated requests.
_WAITING = frozenset({"watched", "retried", "fuzz"})
_CHANGING = (Operation.CANCEL, Operation.RETRY)
# The place of a check in the usual order, kept with its item.
POSITION = pytest.StashKey[int]()


@dataclass(frozen=True, slots=True)
class SelectedCheck:
    """A check that was collected, with its description; `changes`: it is about an operation that
    changes runs, or does so itself."""

    info: CheckInfo
    item: pytest.Item
    changes: bool = False


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
    items: Sequence[pytest.Item],
    catalogue: Catalogue,
    wanted: frozenset[str],
    version: str,
    named: Callable[[str, str], bool] = lambda requirement, check: True,
) -> Selection:
    """Return the checks of these requirements that the version of the catalogue has, in their usual
    order: first those by hand that change nothing. `named` can reject a check."""
    found = Selection()
    for item in items:
        info = info_of(item)
        if info is None:
            found.others.append(item)
            continue
        keep_together(item)
        fits = info.requirement in wanted and not is_newer(info.since, version)
        if fits and named(info.requirement, item.name):
            operation = catalogue[info.requirement].operation
            changes = operation in _CHANGING or info.changes_runs
            found.kept.append(SelectedCheck(info, item, changes))
        else:
            found.dropped.append(item)
    order = list(catalogue.requirements)

    def rank(check: SelectedCheck) -> tuple[int, ...]:
        return position(check.info), check.changes, order.index(check.info.requirement)

    found.kept.sort(key=rank)
    for place, check in enumerate(found.kept):
        check.item.stash[POSITION] = place
    return found


@dataclass(frozen=True, slots=True)
class Overlap:
    """Checks that have to be alone, those that mostly wait for runs and may do so side by side, and
    all others."""

    alone: Sequence[SelectedCheck]
    others: Sequence[SelectedCheck]
    waiting: Sequence[SelectedCheck]

    @property
    def ordered(self) -> list[SelectedCheck]:
        """All of them, those that are waited for last."""
        return [*self.alone, *self.others, *self.waiting]


def overlapped(checks: Sequence[SelectedCheck]) -> Overlap:
    """Divide the checks; those that share an observation stay together."""

    def unit(check: SelectedCheck) -> object:
        return check.info.shares or check.item

    exclusive = {unit(check) for check in checks if check.info.exclusive}
    waiting = {unit(check) for check in checks if _waits(check)} - exclusive
    return Overlap(
        [check for check in checks if unit(check) in exclusive],
        [check for check in checks if unit(check) not in exclusive | waiting],
        [check for check in checks if unit(check) in waiting],
    )


def call(item: pytest.Item, context: CheckContext) -> object:
    """Call the check with its parameters and this context."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return item.obj(context=context, **parameters)


def _waits(check: SelectedCheck) -> bool:
    """Return whether a check mostly waits: for a run that it changes, or for an observation. The
    model computes as well, and is left to the main thread."""
    info = check.info
    changes = check.changes and part_of(info) != MODEL
    return changes or info.waits or info.shares in _WAITING or bool(info.wants)


def cheapest_first(checks: Sequence[SelectedCheck], plan: RequestPlan) -> list[SelectedCheck]:
    """Return the checks by the number of their requests where not all of them fit into the budget,
    so that the most do."""
    if not plan.too_long:
        return list(checks)
    return sorted(checks, key=lambda check: plan.cost(check.info.requirement))
