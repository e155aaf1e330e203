"""Turn the failures of a report into waivers, and find those that are no longer needed.

A baseline makes a gate pass today and fail tomorrow: each waiver is about one requirement, has an
owner and expires. Requirements fixed since are reported, so that their waivers are removed before
they hide the next failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.results.waivers import Waiver
from conformance.vocabulary import Verdict

MARKER = "# baseline:"
_END = "[["


@dataclass(frozen=True, slots=True)
class Baseline:
    """A report's failures and waivers: failures without a waiver, failures that one tolerates, and
    waivers all of whose requirements pass."""

    added: tuple[str, ...]
    kept: tuple[str, ...]
    fixed: tuple[Waiver, ...]


def find_baseline(report: Mapping[str, Any], waivers: Iterable[Waiver], today: str) -> Baseline:
    """Compare a report, as JSON, with the waivers; an expired one tolerates nothing."""
    entries = report["requirements"]
    before = {entry["id"]: Verdict(entry["verdictBeforeWaiver"]) for entry in entries}
    failing = {Verdict.VIOLATION, *([Verdict.DEVIATION] if report["strict"] else [])}
    valid = [waiver for waiver in waivers if not waiver.expired(today)]
    added: list[str] = []
    kept: list[str] = []
    for name, verdict in before.items():
        if verdict in failing:
            tolerated = any(waiver.covers(name) for waiver in valid)
            (kept if tolerated else added).append(name)
    fixed = []
    for waiver in waivers:
        verdicts = [verdict for name, verdict in before.items() if waiver.covers(name)]
        if verdicts and all(verdict is Verdict.PASS for verdict in verdicts):
            fixed.append(waiver)
    return Baseline(tuple(added), tuple(kept), tuple(fixed))


def as_toml(
    statements: Mapping[str, str], *, owner: str, reason: str, expires: str, table: str
) -> str:
    """Return a waiver for each requirement, as text to append to a configuration file, in which
    waivers are entries of the table."""
    return "".join(
        f"\n{MARKER} {' '.join(statement.split())}\n"
        f"[[{table}]]\n"
        f"requirements = {json.dumps([name])}\n"
        f"reason = {json.dumps(reason, ensure_ascii=False)}\n"
        f"owner = {json.dumps(owner, ensure_ascii=False)}\n"
        f"expires = {expires}\n"
        for name, statement in statements.items()
    )


def without(text: str, lines: Iterable[int]) -> str:
    """Return the text without the waivers of a baseline that begin at these lines, from 1.

    Only entries that a baseline wrote, whose marker is on the line before, are removed.
    """
    kept = text.splitlines(keepends=True)
    for line in sorted(set(lines), reverse=True):
        start = line - 1
        if start < 1 or not kept[start - 1].startswith(MARKER):
            continue
        end = start + 1
        while end < len(kept) and kept[end].strip() and not kept[end].startswith((_END, "#", "[")):
            end += 1
        before = start - 1
        if before and not kept[before - 1].strip():
            before -= 1
        del kept[before:end]
    return "".join(kept)
