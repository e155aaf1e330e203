"""Get credentials from commands: run each once at the start, and again when its secret expires."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.client.renewal import Issued, read_issued
from conformance.errors import SetupError
from conformance.provision.subprocess import CommandRunner
from conformance.redaction import Redactor

_SECRET_NAME = re.compile(r"(?i)secret|token|password|passwd|key|credential")


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """The `words` of a command, where it was configured, and for which service it is run, with how
    many seconds."""

    words: tuple[str, ...]
    where: str
    base_url: str
    timeout: float

    def issue(self) -> Issued:
        """Return the secret that the command prints. Raise SetupError if it prints none; what it
        printed is not repeated."""
        runner = CommandRunner(self.base_url, self.timeout, _redactor(self.words, os.environ).text)
        printed, _ = runner.run(self.words, None, {}, shown=f"{self.where}: {self.words[0]}")
        if (issued := read_issued(printed)) is None:
            raise SetupError(
                f"{self.where}: expected a token, or JSON with access_token, got another output.",
                "Print the token alone, or the response of the token endpoint.",
            )
        return issued


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A command, the secret that it printed at the start, and the shell variable that stands for
    it in reports."""

    command: TokenCommand
    first: Issued
    variable: str


def _redactor(words: Sequence[str], environment: Mapping[str, str]) -> Redactor:
    """Return a redactor of whatever the command may know as a secret."""
    named = (value for name, value in environment.items() if _SECRET_NAME.search(name))
    return Redactor.of([*_parts(words[1:]), *(value for value in named if value)])


def _parts(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        yield from (part for part in re.split(r"[=:&\s]", word) if len(part) > 3)
