"""The scripts of a store in Python, for one world: what Valkey does with each, in a simulation."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mock_server.store import valkey_scripts as scripts

Reply = list[Any]


@dataclass
class State:
    """The hash of a world, its snapshot and its logs."""

    owner: bytes
    url: bytes
    until: int
    epoch: int
    attempt: int = 0
    generation: int = 0
    snapshot: int | None = None
    content: bytes = b""
    logs: dict[int, list[bytes]] = field(default_factory=dict)

    def copy(self) -> "State":
        return replace(self, logs={number: list(log) for number, log in self.logs.items()})


class ValkeyModel:
    """A server with one world; ``now`` is its time of day in milliseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.state: State | None = None
        self.has_format = True
        self.secret = b""
        self.started = now()

    def eval(self, script: str, *arguments: str | bytes) -> Reply:
        """Run a script, as ``EVAL`` does."""
        given = [one.encode() if isinstance(one, str) else one for one in arguments]
        return self._claim(given) if script == scripts.CLAIM else self._fenced(script, given)

    def _claim(self, given: list[bytes]) -> Reply:
        owner, lease, url, held, forgetful = given[:5]
        secret = self._shared(given[8])
        state, now = self.state, self._now()
        if state is not None and state.owner != owner and state.until > now:
            return [b"lost", state.owner, state.url, secret, state.until - now]
        holds = held != b"" and int(held) >= (0 if state is None else state.epoch)
        if not holds and (state is not None or not self.has_format):
            uptime = (now - self.started) // 1_000 * 1_000
            if uptime < int(forgetful):
                return [b"restarted", secret]
        self.has_format = True
        if state is None:
            self.state = State(owner, url, now + int(lease), now)
        else:
            state.owner, state.url, state.until = owner, url, now + int(lease)
            state.epoch, state.attempt = max(now, state.epoch + 1), 0
        assert self.state is not None
        return [b"ok", self.state.epoch, now, secret]

    def _shared(self, secret: bytes) -> bytes:
        self.secret = self.secret or secret
        return self.secret if secret else b""

    def _fenced(self, script: str, given: list[bytes]) -> Reply:
        epoch, attempt, lease, *rest = given
        state, now = self.state, self._now()
        if state is None:
            return [b"gone"]
        if state.epoch != int(epoch):
            return [b"lost", state.owner, state.url]
        if attempt:
            if state.attempt >= int(attempt):
                return [b"late"]
            state.attempt = int(attempt)
        state.until = now + int(lease)
        generation = int(rest[0]) if rest and rest[0] else None
        count = int(rest[1]) if len(rest) > 1 and script != scripts.SNAPSHOT else 0
        current = generation == state.generation
        append = partial(_append, state, rest[2:], count, current=current)
        act: dict[str, Callable[[], Reply]] = {
            scripts.LOAD: lambda: _load(state),
            scripts.APPEND: append,
            scripts.APPEND_ALWAYS: append,
            scripts.ROTATE: lambda: _rotate(state, count, current=current),
            scripts.SNAPSHOT: lambda: _snapshot(state, int(rest[0]), rest[1]),
            scripts.RENEW: lambda: _renew(state, count, bool(attempt) and current, current=current),
            scripts.RELEASE: lambda: _release(state),
        }
        reply = act[script]()
        if script == scripts.RENEW and reply == [b"ok"]:
            return [*reply, now, self._shared(rest[3])]
        return reply


def _log(state: State) -> list[bytes]:
    return state.logs.setdefault(state.generation, [])


def _load(state: State) -> Reply:
    if state.snapshot is None:
        return [b"ok"]
    numbers = range(state.snapshot, state.generation + 1)
    number = str(state.snapshot).encode()
    return [b"ok", number, state.content, [list(state.logs.get(n, [])) for n in numbers]]


def _append(state: State, records: list[bytes], count: int, *, current: bool) -> Reply:
    if not current or state.snapshot is None:
        return [b"gone"]
    log = _log(state)
    short = len(log) < count
    del log[count:]
    if not short:
        log += records
    return [b"gone"] if short else [b"ok"]


def _rotate(state: State, count: int, *, current: bool) -> Reply:
    if current:
        del _log(state)[count:]
    state.generation += 1
    return [b"ok", state.generation]


def _snapshot(state: State, generation: int, content: bytes) -> Reply:
    if (state.snapshot or 0) <= generation:
        state.snapshot, state.content = generation, content
        state.logs = {n: one for n, one in state.logs.items() if n >= generation}
    return [b"ok"]


def _renew(state: State, count: int, trims: bool, *, current: bool) -> Reply:
    log = _log(state)
    if current and len(log) < count:
        return [b"gone"]
    if trims:
        del log[count:]
    return [b"ok"]


def _release(state: State) -> Reply:
    state.until = 0
    return [b"ok"]
