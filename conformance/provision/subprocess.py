"""Run an executable of the set-up. Its environment has the base URL and a credential; every fault
of it is a set-up error."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from conformance.client.credentials import Credential
from conformance.errors import SetupError
from conformance.provision.protocol import Declined, Provided
from conformance.vocabulary import State

_SHOWN = 400
_SHOWN_OUTPUT = 200
_MAX_OUTPUT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CommandRunner:
    """Calls executables: for which service, with how many seconds for each, with the redactor that
    removes secrets from their output, and with the secret that is in use instead of an earlier
    one."""

    base_url: str
    timeout: float
    clean: Callable[[str], str] = str
    current: Callable[[str], str] = str

    def run(
        self,
        words: Sequence[str],
        credential: Credential | None,
        more: Mapping[str, str],
        shown: str = "",
    ) -> tuple[str, str]:
        """Return the output of a command that ended with 0, and the command as a person types it.

        The environment has RUNS_BASE_URL, RUNS_SECRET (the credential), RUNS_SECRET_KIND (token,
        api-key or cookie), RUNS_AUTH_HEADER (the header that presents it) and the items of `more`.
        `shown` stands for the command in messages.
        Raise SetupError if it cannot be started, does not end in time, or ends with another code.
        """
        command = shown or shlex.join(words)
        environment = os.environ | {"RUNS_BASE_URL": self.base_url, **more}
        if credential is not None:
            mine = Credential(credential.scheme, self.current(credential.secret))
            ((header, value),) = mine.headers().items()
            environment |= {
                "RUNS_SECRET": mine.secret,
                "RUNS_SECRET_KIND": mine.scheme.value,
                "RUNS_AUTH_HEADER": f"{header}: {value}",
            }
        # Files, and not pipes: a process that it leaves running may hold a pipe open for ever.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(  # noqa: S603 - it is the user's own
                    list(words),
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except (OSError, ValueError) as fault:
                reason = getattr(fault, "strerror", None) or str(fault)
                raise SetupError(f"{command} cannot be started: {reason}.") from None
            try:
                code = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                raise SetupError(f"{command} did not end in {self.timeout:g} s.") from None
            finally:
                _end(process)
            printed, error_output = _text(out), self.clean(_text(err)).strip()
        if code:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise SetupError(
                f"{command} {how}{f': {error_output[-_SHOWN:]}' if error_output else '.'}"
            )
        return printed, command


@dataclass(frozen=True, slots=True)
class CommandRuns:
    """The words of a command that makes runs, and how it is called."""

    runner: CommandRunner
    words: Sequence[str]

    def make(self, state: State, owner: Credential) -> Provided | Declined:
        """A run from the command."""
        words = (*self.words, state.value)
        printed, command = self.runner.run(words, owner, {"RUNS_STATE": state.value})
        try:
            printed_json: Any = json.loads(printed)
        except (ValueError, RecursionError):
            printed_json = None
        if (
            isinstance(printed_json, dict)
            and isinstance(printed_json.get("id"), str)
            and printed_json["id"]
        ):
            return Provided(printed_json["id"], may_change=True)
        if isinstance(printed_json, dict) and isinstance(printed_json.get("unsupported"), str):
            why = printed_json["unsupported"][:_SHOWN_OUTPUT]
            return Declined(f"the command does not support this state: {why}")
        raise SetupError(
            f'{command} printed neither {{"id": "..."}} nor {{"unsupported": "why"}}: '
            f"{printed.strip()[:_SHOWN_OUTPUT] or 'nothing'}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of it, also when the kit itself is out of time."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MAX_OUTPUT).decode("utf-8", "replace")
