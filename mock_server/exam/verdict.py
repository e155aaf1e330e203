"""The verdict on a client about one item of the catalogue."""

from dataclasses import dataclass, field
from enum import StrEnum

from mock_server.engine.run_state import Json


class Level(StrEnum):
    """How binding an item is, as in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"
    ERROR = "error"  # Of the exam or its set-up, never of the client.


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, the reason for it, and the numbers of the requests that show it."""

    outcome: Outcome
    reason: str
    requests: tuple[int, ...] = field(default=())

    def to_json(self) -> Json:
        """Return it as in the control API."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "requests": list(self.requests),
        }


def passed(reason: str, *requests: int) -> Verdict:
    return Verdict(Outcome.PASSED, reason, requests)


def failed(reason: str, *requests: int) -> Verdict:
    return Verdict(Outcome.FAILED, reason, requests)


def not_judged(reason: str) -> Verdict:
    return Verdict(Outcome.NOT_JUDGED, reason)
