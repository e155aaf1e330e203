"""A store: where worlds are when the mock is not running, and in which form.

A world is stored as a snapshot and the commands that changed it since, in logs. The snapshot and
its logs have a number, the generation. A new snapshot begins with a new log; when it is complete,
everything of earlier generations is removed.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mock_server import __version__
from mock_server.engine.run_state import Json

FORMAT = "automation-runs-mock/store"
VERSION = 1
"""The version of what is stored; it changes with the engine, whose commands are repeated."""


class StoreError(Exception):
    """The store cannot do what is asked; nothing was changed. The text is the reason."""


class FullError(StoreError):
    """The store has room for nothing more. What it has can be read."""


class MaybeStoredError(StoreError):
    """What was asked for may have been done all the same."""


class DamagedError(StoreError):
    """What is stored is not what was written, or another version wrote it.

    The text begins with the place, as in ``1.log:4``, and does not name the world; ``remedy`` is a
    sentence without its full stop.
    """

    def __init__(self, reason: str, remedy: str = "Reset the world to replace it") -> None:
        super().__init__(reason)
        self.remedy = remedy

    @property
    def advice(self) -> str:
        """The text and the remedy."""
        return f"{self}. {self.remedy}."


class LostError(StoreError):
    """Another mock owns the world; ``peer`` is the URL that it advertises, if any, and ``left`` the
    seconds after which its lease ends if it does not renew it, if they are known."""

    def __init__(self, reason: str, peer: str | None = None, left: float = math.inf) -> None:
        super().__init__(reason)
        self.peer = peer
        self.left = left


class GoneError(StoreError):
    """The store no longer has what was acknowledged: the world has to be stored again."""


class Saved(NamedTuple):
    """A stored world: the records of its snapshot, and of each log since, in order, with the names
    of the logs.

    For errors, ``place`` is the name of the snapshot, ``first`` the line of the first record of
    each log.
    """

    snapshot: list[bytes]
    logs: list[list[bytes]]
    names: list[str]
    place: str = "snapshot"
    first: int = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """What ``list_worlds`` says of a stored world.

    ``head`` is the first record of its snapshot, ``commands`` the number of records since,
    ``size`` the bytes of both, ``used`` the instant of the last change; ``problem`` says why it
    cannot be read.
    """

    name: str
    head: Json
    commands: int
    size: int
    used: int
    problem: str | None = None


class Renewal(NamedTuple):
    """Worlds that ``renew`` could not renew: those that another mock owns, and those that the store
    no longer has."""

    lost: Sequence[str] = ()
    gone: Sequence[str] = ()


class Notice(NamedTuple):
    """What a mock says to those that share its store: the sessions of pages that have ended, which
    are kept for so many milliseconds, the block of numbers that it has, the same or 0 if none of it
    is used, whether it needs another one, and whether it leaves."""

    ended: Collection[str]
    kept_for: int
    block: int
    used: int
    needs_block: bool
    leaving: bool = False


class Meeting(NamedTuple):
    """What the mocks that share a store have in common: their URLs, and the sessions of pages that
    have ended; and another block of numbers, to go on with."""

    urls: Sequence[str]
    ended: Sequence[str]
    block: int | None


class Store(Protocol):
    """Keeps worlds by name. Each method raises StoreError when the store fails.

    ``epoch`` is the number that ``claim`` returned: it is refused once another mock has claimed
    the world.
    """

    label: str
    shared: bool
    """Whether several mocks can use it at a time."""
    done: int
    """How often it has done what it was asked."""

    @property
    def secret(self) -> str:
        """What the mocks that share it know, and no client."""

    def earliest(self) -> int:
        """Return an instant that is not after the present one, by the clock of the store."""

    def latest(self) -> int:
        """Return an instant that is not before the present one, by the clock of the store."""

    async def claim(self, name: str, held: int | None = None) -> int:
        """Become the owner of the world of that name, and return the epoch of this ownership.

        ``held`` is the epoch of an ownership that has not ended.
        """

    def is_certain(self, name: str) -> bool:
        """Return whether no other mock can own the world, which this one has claimed."""

    def in_doubt(self, name: str) -> bool:
        """Return whether the store may have records of the world that were refused."""

    async def renew(self, epochs: dict[str, int]) -> Renewal:
        """Remain the owner of these worlds."""

    async def confirm(self, name: str, epoch: int) -> None:
        """Make certain that the world still has the owner it had."""

    async def try_out(self) -> None:
        """Do nothing but find out whether it works."""

    async def release(self, name: str, epoch: int) -> None:
        """Let other mocks claim the world."""

    async def load(self, name: str, epoch: int) -> Saved | None:
        """Return the world, without the end of a log that was never acknowledged."""

    async def append(
        self, name: str, epoch: int, records: Sequence[bytes], *, adds: bool = True
    ) -> None:
        """Add records to the world's log, all or none. What is needed for reading a world ``adds``
        almost nothing, and is stored also where there is no room."""

    async def rotate(self, name: str, epoch: int) -> int:
        """Begin the log of the next generation, and return the number of that."""

    async def snapshot(
        self, name: str, epoch: int, generation: int, records: Iterable[bytes]
    ) -> int:
        """Store a snapshot and remove earlier generations; return its size in bytes."""

    async def owner(self, name: str) -> str | None:
        """Return what the other mock is called that owns the world; None if no other owns it."""

    async def delete(self, name: str) -> bool:
        """Remove the world of that name, unless a mock owns it; return whether it did."""

    async def list_worlds(self) -> Sequence[Stored]:
        """Return all stored worlds by name."""

    async def flush(self) -> None:
        """Make durable what was appended; it is called once a second."""

    async def close(self) -> None:
        """End; everything that was appended is durable then."""


def header(**content: object) -> Json:
    """Return the first record of a snapshot or a log."""
    return {"format": FORMAT, "version": VERSION, "mock": __version__, **content}


def check_version(found: Json, place: str) -> None:
    """Raise DamagedError unless this mock can read what begins with the record ``found``."""
    if found.get("format") != FORMAT:
        raise DamagedError(
            f"{place}: expected the format {FORMAT}, got {found.get('format')!r}",
            "Use another store",
        )
    if found.get("version") != VERSION:
        raise DamagedError(
            f"{place}: expected version {VERSION}, got {found.get('version')!r}, written by "
            f"runs-mock {found.get('mock')}",
            "Use that version, or another store",
        )
