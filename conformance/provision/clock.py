"""The target's time in the kit's hand, where the backend lets it be moved: by a request that it
understands, or by a command. `{seconds}` stands for how far."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.client.credentials import Credential
from conformance.client.transport import Target
from conformance.provision.request import RequestTemplate
from conformance.provision.subprocess import CommandRunner


class RequestClock:
    """A clock moved by a request: all due changes are made when its 2xx response comes."""

    def __init__(self, target: Target, request: RequestTemplate, credential: Credential) -> None:
        self._target = target
        self._request = request
        self._credential = credential

    def advance(self, seconds: float) -> float:
        """Move time by all of it. Raises SetupError."""
        amount = f"{seconds:g}"
        # In a body of JSON the amount is a number, with or without the quotes around its name.
        words = {'"{seconds}"': amount, "{seconds}": amount}
        self._request.expect_success(self._request.send(self._target, self._credential, words))
        return seconds


class CommandClock:
    """A clock moved by a command: all due changes are made when it has ended with 0."""

    def __init__(self, runner: CommandRunner, words: Sequence[str], credential: Credential) -> None:
        self._runner = runner
        self._words = tuple(words)
        self._credential = credential

    def advance(self, seconds: float) -> float:
        """Move time by all of it. Raises SetupError."""
        amount = f"{seconds:g}"
        words = [word.replace("{seconds}", amount) for word in self._words]
        self._runner.run(words, self._credential, {"RUNS_SECONDS": amount})
        return seconds
