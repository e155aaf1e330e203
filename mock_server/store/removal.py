"""Removing worlds from a store that no mock uses, or whose mocks have not opened them."""

from collections.abc import Callable, Sequence

from mock_server.errors import UsageError
from mock_server.store.store import Store, StoreError

_NAMED = 5
"""Worlds that an error names."""


async def remove(store: Store, names: Sequence[str], removed: Callable[[str], None]) -> None:
    """Remove the worlds of these names, call ``removed`` with each, and close the store.

    Raise UsageError: nothing is removed if one of them is not stored, or a mock owns it.
    """
    try:
        known = [one.name for one in await store.list_worlds()]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UsageError(
                f"{unknown[0]}: expected a world in {store.label}, which has {_few(known)}. "
                "Correct the name; nothing was removed"
            )
        for name in names:
            if (owner := await store.owner(name)) is not None:
                raise UsageError(_owned(name, owner))
        for name in dict.fromkeys(names):
            if not await store.delete(name):
                raise UsageError(_owned(name, await store.owner(name) or "a mock"))
            removed(name)
    except StoreError as error:
        raise UsageError(f"--store: {store.label} fails: {error}. Repair it") from None
    finally:
        await store.close()


def _owned(name: str, owner: str) -> str:
    return (
        f"{name}: expected a world that no mock has open, got one that belongs to {owner}. "
        "Stop that mock, or wait until its lease has ended"
    )


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "") or "none"
