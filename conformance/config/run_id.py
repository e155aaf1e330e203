"""Name the run that a shard belongs to, so that shards of different runs are not merged."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.errors import ConfigurationError

MAX_LENGTH = 200
# The variables of a CI system that together are the same in all jobs of a run, and in no other run.
# Attempts of a run count as one: those that test only the failed shards again keep the others.
_OF_CI = (
    ("github", ("GITHUB_RUN_ID", "GITHUB_SHA")),
    ("gitlab", ("CI_PIPELINE_ID",)),
)


def parse_run_id(text: str) -> str:
    """Return the name. Raise ConfigurationError if it cannot be shown on a line."""
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise ConfigurationError(
            f"expected up to {MAX_LENGTH} printable characters, got {text[:MAX_LENGTH]!r}.",
            "Use the number of the CI run.",
        )
    return text.strip()


def run_id_of_ci(environment: Mapping[str, str]) -> str:
    """Return the name of the run from the variables of the CI system, or "" where there is none."""
    for system, (first, *more) in _OF_CI:
        if environment.get(first):
            words = [environment.get(name, "") for name in (first, *more)]
            return " ".join([system, *filter(None, words)])[:MAX_LENGTH]
    return ""
