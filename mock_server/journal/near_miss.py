"""The nearest operations to a request that matches none, and how it differs from each."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from mock_server.journal.contract_index import Operation

_MAX_RESULTS = 3
_MAX_PATH_LENGTH = 512
_MAX_SEGMENTS = 24
_MAX_COST = 2.0
_MIN_SIMILARITY = 0.6
_MIN_SUBSTRING = 4
_ID = re.compile(r"[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A known operation near an unknown request. ``reason`` says how they differ."""

    method: str
    path: str
    reason: str


class KnownPaths:
    """The paths of all known operations."""

    def __init__(self, operations: list[Operation]) -> None:
        self._known = [(one, one.path.strip("/").split("/")) for one in operations]

    def nearest(self, method: str, path: str) -> list[NearMiss]:
        """Return the nearest operations, nearest first."""
        if len(path) > _MAX_PATH_LENGTH or path.count("/") > _MAX_SEGMENTS:
            return []
        segments = [segment for segment in path.split("/") if segment] or [""]
        found = []
        for operation, template in self._known:
            cost, reasons = _compare(segments, template)
            if "//" in path:
                cost, reasons = cost + 0.1, ["a slash too many", *reasons]
            if not reasons and path != "/" and path.endswith("/"):
                cost, reasons = 0.1, ["a trailing slash too many"]
            if cost > _MAX_COST:
                continue
            if operation.method != method:
                cost += 0.5
                reasons.append(f"method {operation.method}, not {method}")
            if reasons:
                found.append((cost, operation, "; ".join(reasons)))
        found.sort(key=lambda miss: miss[0])
        return [NearMiss(one.method, one.path, reason) for _, one, reason in found[:_MAX_RESULTS]]

    def hint(self, method: str, path: str) -> str | None:
        """Return the nearest operation as a hint for a response; None when no operation is near."""
        nearest = next(iter(self.nearest(method, path)), None)
        if nearest is None:
            return None
        return f"did you mean {nearest.method} {nearest.path}? ({nearest.reason})"


def _compare(given: list[str], template: list[str]) -> tuple[float, list[str]]:
    """Return the edit distance from ``given`` to ``template`` in segments, and the edits."""
    rows: list[tuple[float, list[str]]] = [(0.0, [])]
    for name in template:
        cost, reasons = rows[-1]
        rows.append((cost + 1, [*reasons, f"a segment missing: {name!r}"]))
    for segment in given:
        before, rows = rows, [(rows[0][0] + 1, [*rows[0][1], f"a segment too many: {segment!r}"])]
        for index, name in enumerate(template):
            cost_of_swap, why = _segment_cost(segment, name)
            swap = (before[index][0] + cost_of_swap, [*before[index][1], *why])
            insert = (
                before[index + 1][0] + 1,
                [*before[index + 1][1], f"a segment too many: {segment!r}"],
            )
            remove = (rows[index][0] + 1, [*rows[index][1], f"a segment missing: {name!r}"])
            rows.append(min(swap, insert, remove, key=lambda candidate: candidate[0]))
    return rows[-1]


def _segment_cost(segment: str, name: str) -> tuple[float, list[str]]:
    """Return the cost of replacing a segment by the known one, and the reason."""
    if segment == name:
        return 0.0, []
    if name.startswith("{"):
        # A segment that does not look like an id costs more.
        return (0.05 if _ID.fullmatch(segment) else 0.2) if segment else 1.0, []
    why = [f"{segment!r} for {name!r}"]
    if segment.lower() == name.lower():
        return 0.1, why
    if len(segment) >= _MIN_SUBSTRING and segment in name:
        return 0.3, why
    similarity = SequenceMatcher(None, segment[:64].lower(), name, autojunk=False).ratio()
    return (1 - similarity if similarity >= _MIN_SIMILARITY else 1.5), why
