"""Bind a check to its requirement, with everything that its scheduling depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from conformance.harness.context import CheckContext
from conformance.vocabulary import State

MARKER = "requirement"


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """Describe a check.

    `exclusive`: it counts the tenant's runs or compares readings of the list, so no run may be
    created meanwhile. `shares` names an observation that takes long and that several checks use:
    one worker runs them all. `changes_runs`: it cancels or retries runs, so it comes after the
    checks that only read. `early` is called before the first check, and the check itself comes
    last, for example to listen to a stream meanwhile. `wants` are the finished runs that it uses
    up: they are created ahead. `since` is the version of the catalogue that first has the check,
    where that is newer than the requirement: an older version is tested without it. `waits`: it
    spends its time waiting for a run of its own, so others may run meanwhile.
    """

    requirement: str
    exclusive: bool = False
    shares: str = ""
    changes_runs: bool = False
    early: Callable[[CheckContext], object] | None = None
    wants: Sequence[State] = ()
    since: str = ""
    waits: bool = False


def requirement(
    requirement_id: str,
    *,
    exclusive: bool = False,
    shares: str = "",
    changes_runs: bool = False,
    early: Callable[[CheckContext], object] | None = None,
    wants: Sequence[State] = (),
    since: str = "",
    waits: bool = False,
) -> pytest.MarkDecorator:
    """Bind a check to the requirement that it decides; the options are those of `CheckInfo`."""
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARKER)
    return mark(
        CheckInfo(requirement_id, exclusive, shares, changes_runs, early, wants, since, waits)
    )


def info_of(item: pytest.Item) -> CheckInfo | None:
    """Return the description of the collected check; None for any other test."""
    marker = item.get_closest_marker(MARKER)
    info = marker.args[0] if marker and marker.args else None
    return info if isinstance(info, CheckInfo) else None
