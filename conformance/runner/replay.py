"""Repeat a failure: run its checks again, and nothing else, with the recorded seed and on runs in
the recorded states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from conformance.catalogue.versions import load_version
from conformance.config.selection import CheckSelection
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.fuzz.config import FuzzConfig
from conformance.results.events import Reporter
from conformance.results.failure_file import FailureFile
from conformance.results.replay import Replay, compare, gaps
from conformance.runner.run import run_checks

# Seconds that are waited at most before a request, where the recorded timing is kept.
MAX_GAP = 60.0


def replay(
    settings: Settings,
    failure: FailureFile,
    reporters: Sequence[Reporter],
    *,
    keep_timing: bool = False,
) -> Replay:
    """Return how the checks of the failure go now; with `keep_timing` as much time is left before
    each request as was recorded.

    Raise KitError if the run cannot start, ConfigurationError if the kit does not know the failed
    requirement.
    """
    known = load_version(failure.catalogue)
    wanted = dict.fromkeys((failure.requirement, *(c.requirement for c in failure.checks)))
    for requirement in wanted:
        if requirement not in known.requirements:
            raise ConfigurationError(
                f"{failure.path}: expected a requirement of this kit, got {requirement!r}.",
                f"Use the version of the kit that wrote the file: {failure.kit}.",
            )
    checks = {(c.requirement, c.name): c for c in failure.checks}
    selection = CheckSelection(
        frozenset(checks),
        frozenset(chain.from_iterable(c.states for c in failure.checks)),
        {key: gaps(c.exchanges, MAX_GAP) for key, c in checks.items()} if keep_timing else {},
    )
    report = run_checks(
        replace(
            settings,
            include=tuple(wanted),
            exclude=(),
            catalogue=failure.catalogue,
            fuzz=FuzzConfig(failure.cases, failure.seed),
            workers=1,
            sequential=True,
            waivers=(),
            selection=selection,
        ),
        reporters,
        files=False,
    )
    return compare(failure, report)
