"""What can go wrong, in one place, as a story.

Before anything is served, a file or an option can be wrong (``UsageError``: one line, exit code 2).
While it serves, a request can be refused (``HttpError``: a status and a reason), or not be what the
contract asks for (``RequestValidationError``: the documented body with every flaw).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class UsageError(Exception):
    """Something the user wrote cannot be used; the text says what, where and what to do."""


class FileError(UsageError):
    """A file the user wrote is wrong: ``path:line: key: what is wrong``."""

    def __init__(self, path: Path, line: int | None, key: str, problem: str) -> None:
        where = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")
        self.path, self.line, self.key, self.problem = path, line, key, problem


class HttpError(Exception):
    """The request is understood and not carried out; ``status`` is the HTTP status, ``question``
    the open question to which another answer would give another status."""

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        *,
        question: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers
        self.question = question


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One thing wrong with a request, in the terms of the contract: where, what, which kind."""

    loc: tuple[str, ...]
    msg: str
    type: str


class RequestValidationError(Exception):
    """The request is not what the contract asks for; answered with 422."""

    def __init__(self, flaws: list[ErrorDetail], *, question: str | None = None) -> None:
        super().__init__(flaws)
        self.flaws = flaws
        self.question = question


def explain_missing_library(error: ModuleNotFoundError) -> str:
    """Return which library of the extra `mock` is missing and how to install it.

    Raise the error again if the missing module is the mock's own.
    """
    library = (error.name or "").partition(".")[0]
    if library in {"", __package__}:
        raise error
    return f"{library}: expected an installed library. Run pip install 'automation-runs-kit[mock]'"
