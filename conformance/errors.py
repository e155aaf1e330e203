"""What can go wrong, as a story. Before anything is checked, the configuration may be wrong or
the target out of reach. Getting a run may fail, which is the set-up's fault. A check then ends by
returning (its requirement holds) or by one of three outcomes: it found something, it could not get
to its question, or what it needs is declared not to exist. Whatever else is raised is a fault of
the kit, and never blamed on the implementation."""

from conformance.vocabulary import Level


class KitError(Exception):
    """The base of everything that keeps the kit from a verdict."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigurationError(KitError):
    """The configuration names something that is not there or contradicts itself."""


class UnreachableError(KitError):
    """The target cannot be spoken to as configured."""


class SetupError(KitError):
    """A run could not be had: the fault of the way runs are provided."""


# The outcomes are words of the report, not errors: hence no suffix.
class Outcome(Exception):  # noqa: N818
    """The base of the ways a check ends other than by returning.

    `because` is the requirement that this is the business of, where a check comes upon a fault that
    it is not about: if that one fails, this follows from it.
    """

    def __init__(self, message: str, *, because: str = "") -> None:
        super().__init__(message)
        self.because = because


class Finding(Outcome):
    """The implementation falls short of the requirement.

    `level` says how well the broken expectation is founded where that is weaker than the
    requirement itself; `exchange` is the number of the exchange that shows it; `place` is a JSON
    pointer to the keyword of the contract that is not met.
    """

    def __init__(
        self,
        message: str,
        *,
        level: Level | None = None,
        exchange: int | None = None,
        place: str = "",
        because: str = "",
    ) -> None:
        super().__init__(message, because=because)
        self.level = level
        self.exchange = exchange
        self.place = place


class NoAnswer(Finding):
    """A request got no complete answer in time; `remedy` says what can be done about it."""

    def __init__(self, message: str, *, exchange: int | None = None, remedy: str = "") -> None:
        super().__init__(message, exchange=exchange)
        self.remedy = remedy


class Refused(NoAnswer):
    """Nothing listens at the target any more."""


class Inconclusive(Outcome):
    """The situation that the check is about was never reached."""


class Unsupported(Outcome):
    """What the check needs is declared not to be there."""


class OutOfTime(BaseException):
    """The check's time or the run's budget is spent; passes every `except Exception`."""
