"""Define the errors. Before the checks, the configuration may be invalid or the target unreachable,
and providing a run may fail. A check returns if its requirement holds, or ends by one of three
outcomes: it failed, it could not reach its question, or it is not supported. Any other exception is
an internal error of the kit, and is never attributed to the implementation."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from conformance.vocabulary import Level, Untested

_OF_MCP = frozenset({"anyio", "mcp", "pydantic", "starlette", "uvicorn"})

P = ParamSpec("P")
T = TypeVar("T")


class KitError(Exception):
    """The base of everything that keeps the kit from a verdict."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Return the error and its hints, each on its own."""
        return ((self.message, self.hint),)


def missing_library(error: ModuleNotFoundError) -> KitError:
    """Return an error that names the missing library of an extra and how to install it.

    Raise the error again if the missing module is the kit's own.
    """
    library = (error.name or "").partition(".")[0]
    if library in {"", __package__}:
        raise error
    extras = "kit,mcp" if library in _OF_MCP else "kit"
    return KitError(
        f"{library}: expected an installed library.",
        f"Run pip install 'automation-runs-kit[{extras}]'.",
    )


class ConfigurationError(KitError):
    """The configuration names something that is not there or contradicts itself."""


class CombinedConfigurationError(ConfigurationError):
    """Several errors in the configuration."""

    def __init__(self, parts: tuple[tuple[str, str], ...]) -> None:
        super().__init__("\n".join(f"{message} {hint}".rstrip() for message, hint in parts))
        self._parts = parts

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """The messages and hints one by one."""
        return self._parts


class ErrorCollector:
    """Collect the errors of a configuration, to report all of them together."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], None] = {}

    @property
    def count(self) -> int:
        """The number of errors so far."""
        return len(self._parts)

    def note(self, message: str, hint: str) -> None:
        """Add an error."""
        self._parts[message, hint] = None

    def attempt(self, read: Callable[P, T], *args: P.args, **given: P.kwargs) -> T:
        """Call `read` and return its result. If it raises a ConfigurationError, add that and return
        None, which only helps to find further errors: `raise_all` will raise."""
        try:
            return read(*args, **given)
        except ConfigurationError as fault:
            self._parts |= dict.fromkeys(fault.parts)
            return cast(T, None)

    def raise_all(self) -> None:
        """Raise a ConfigurationError with all errors, if there are any."""
        match tuple(self._parts):
            case ():
                return
            case ((message, hint),):
                raise ConfigurationError(message, hint)
            case parts:
                raise CombinedConfigurationError(parts)


class UnreachableError(KitError):
    """The target cannot be spoken to as configured."""


class SetupError(KitError):
    """A run could not be had: the fault of the way runs are provided."""


# The outcomes are words of the report, not errors: hence no suffix.
class Outcome(Exception):  # noqa: N818
    """The base of the ways in which a check ends other than by returning.

    `caused_by` is the requirement that covers the fault, where a check meets one that is not its
    own subject: if that requirement fails, this result follows from it. `waited_for` names the
    transition of a run that did not come, if it came of that.
    """

    def __init__(self, message: str, *, caused_by: str = "", waited_for: str = "") -> None:
        super().__init__(message)
        self.caused_by = caused_by
        self.waited_for = waited_for


class CheckFailed(Outcome):
    """The implementation does not meet the requirement.

    `level` says how well the broken expectation is founded where that is weaker than the
    requirement itself; `exchange` is the number of the exchange that shows it; `contract_location`
    is a JSON pointer to the keyword of the contract that is not met.
    """

    def __init__(
        self,
        message: str,
        *,
        level: Level | None = None,
        exchange: int | None = None,
        contract_location: str = "",
        caused_by: str = "",
        waited_for: str = "",
    ) -> None:
        super().__init__(message, caused_by=caused_by, waited_for=waited_for)
        self.level = level
        self.exchange = exchange
        self.contract_location = contract_location


class NoResponse(CheckFailed):
    """A request got no complete response in time; `hint` says how to fix it. `broken`: the
    connection was refused or closed."""

    def __init__(
        self, message: str, *, exchange: int | None = None, hint: str = "", broken: bool = False
    ) -> None:
        super().__init__(message, exchange=exchange)
        self.hint = hint
        self.broken = broken


class ConnectionRefused(NoResponse):
    """Nothing listens at the target any more."""


class Inconclusive(Outcome):
    """The situation that the check is about was never reached, for this `reason`."""

    def __init__(
        self,
        message: str,
        *,
        caused_by: str = "",
        waited_for: str = "",
        reason: Untested = Untested.PRECONDITION,
    ) -> None:
        super().__init__(message, caused_by=caused_by, waited_for=waited_for)
        self.reason = reason


class Unsupported(Outcome):
    """The check needs a feature that is absent, as declared or as the implementation showed."""


class DeadlineExceeded(BaseException):
    """The check's time or the run's budget is spent; passes every `except Exception`."""
