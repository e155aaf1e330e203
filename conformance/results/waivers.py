"""Define waivers: known failures that are tolerated until a date."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Waiver:
    """Failures of the matching requirements are tolerated through the day `expires`, in ISO 8601;
    `where` is its place in the file."""

    patterns: tuple[str, ...]
    reason: str
    owner: str
    expires: str
    where: str

    def to_json(self) -> dict[str, Any]:
        """The waiver as the report has it."""
        return {
            "requirements": list(self.patterns),
            "reason": self.reason,
            "owner": self.owner,
            "expires": self.expires,
        }

    def covers(self, requirement_id: str) -> bool:
        """Whether it is about this requirement."""
        return any(fnmatchcase(requirement_id, pattern.upper()) for pattern in self.patterns)

    def expired(self, today: str) -> bool:
        """Whether its last day is past on this one, as YYYY-MM-DD."""
        return self.expires < today
