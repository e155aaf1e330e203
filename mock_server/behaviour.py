"""How a backend answers where the contract is silent: the open questions Q01 to Q22, as data.

Each question has a closed vocabulary; its first value is the contract's own answer. The engine and
the operations ask a ``Behaviour`` by the name of the decision, never by the number of the question.
"""

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """A request that contradicts the state of the run."""

    CONFLICT = "conflict"
    BAD_REQUEST = "bad_request"
    UNCHANGED = "unchanged"


class RetryIdentity(StrEnum):
    SAME_RUN = "same_run"
    NEW_RUN = "new_run"


class RetryOfUnfailed(StrEnum):
    """Retry of a completed or cancelled run."""

    EXPLICIT = "explicit"
    ALWAYS = "always"
    NEVER = "never"


class CancelOfRunning(StrEnum):
    AT_ONCE = "at_once"
    COOPERATIVE = "cooperative"


class MissingStepKey(StrEnum):
    INVALID = "invalid"
    BAD_REQUEST = "bad_request"
    FROM_FAILED = "from_failed"


class UnknownStepKey(StrEnum):
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    INVALID = "invalid"


class BehindFailed(StrEnum):
    SKIPPED = "skipped"
    PENDING = "pending"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One backend's answers. The defaults are the contract's."""

    retry_identity: RetryIdentity = RetryIdentity.SAME_RUN  # Q01
    cancel_of_finished: Refusal = Refusal.CONFLICT  # Q02
    retry_of_unfinished: Refusal = Refusal.CONFLICT  # Q03
    retry_of_unfailed: RetryOfUnfailed = RetryOfUnfailed.EXPLICIT  # Q04
    cancel_of_running: CancelOfRunning = CancelOfRunning.AT_ONCE  # Q10
    missing_step_key: MissingStepKey = MissingStepKey.INVALID  # Q15
    unknown_step_key: UnknownStepKey = UnknownStepKey.NOT_FOUND  # Q16
    behind_failed: BehindFailed = BehindFailed.SKIPPED  # Q18
