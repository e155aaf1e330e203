"""The exceptions of the package.

Before the mock serves, a file or an option can be wrong: ``UsageError``, printed as one line with
exit code 2. While it serves, a request can fail: ``HttpError`` becomes a response with its status
code and reason, ``RequestValidationError`` the documented 422 response with a list of details.
"""

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

_OF_MCP = frozenset({"mcp"})
MAYBE_MADE = "The change may have been made: read the world before you repeat it."
"""What an error says of a change whose outcome is not known."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class UsageError(Exception):
    """A file, an option or a variable that cannot be used; the text says what to do."""


class FileError(UsageError):
    """An invalid file: ``path:line: key: problem``."""

    def __init__(self, path: Path, line: int | None, key: str, problem: str) -> None:
        where = f"{path}:{line}" if line else f"{path}"
        super().__init__(one_line(f"{where}: {key}: {problem}" if key else f"{where}: {problem}"))
        self.path, self.line, self.key, self.problem = path, line, key, problem


def one_line(text: str) -> str:
    """Return ``text`` on one line, with control characters escaped."""
    text = " ".join(text.split())
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


class HttpError(Exception):
    """A request that gets an error response.

    ``status`` is the status code, ``question`` the open question on which it depends.
    """

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


class UnknownRunError(HttpError):
    """A run that this process does not know; of a world of another process it is ``foreign``."""

    def __init__(
        self, run_id: str, foreign: HttpError, exists: Callable[[str], Awaitable[bool]]
    ) -> None:
        super().__init__(404, "Run not found", question=foreign.question)
        self._run_id, self._foreign, self._exists = run_id, foreign, exists

    async def find_out(self) -> HttpError:
        """Return the error after the other processes were asked."""
        known = await self._exists(self._run_id)
        return self._foreign if known else HttpError(404, self.reason, question=self.question)


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One item of the documented 422 body: location, message and type, in FastAPI's terms."""

    loc: tuple[str, ...]
    msg: str
    type: str

    def to_json(self) -> dict[str, Any]:
        """Return it as in the response."""
        return {"loc": self.loc, "msg": self.msg, "type": self.type}


class RequestValidationError(Exception):
    """A request that does not match its schema; the response is 422."""

    def __init__(self, errors: Sequence[ErrorDetail], *, question: str | None = None) -> None:
        super().__init__(errors)
        self.errors = errors
        self.question = question

    @classmethod
    def at(cls, loc: Sequence[str], problem: str) -> "RequestValidationError":
        """Return an error with one detail: the value at ``loc`` has ``problem``."""
        return cls([ErrorDetail(tuple(loc), f"Value error, {problem}", "value_error")])


class LocatedError(ValueError):
    """An invalid value at ``path`` inside of the one that is validated."""

    def __init__(self, path: Sequence[str | int], problem: str) -> None:
        super().__init__(problem)
        self.path = tuple(path)


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a ``name`` that is none of ``known``, with the nearest of them."""
    listed = list(known)
    near = difflib.get_close_matches(name, listed, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{what}: expected one of {', '.join(listed) or 'none'}, got {name!r}.{hint}"


def explain_missing_library(error: ModuleNotFoundError) -> str:
    """Return which library of an extra is missing and how to install it.

    Raise the error again if the missing module is the mock's own.
    """
    library = (error.name or "").partition(".")[0]
    if library in {"", __package__}:
        raise error
    extras = "mock,mcp" if library in _OF_MCP else "mock"
    return (
        f"{library}: expected an installed library. Run pip install 'automation-runs-kit[{extras}]'"
    )
