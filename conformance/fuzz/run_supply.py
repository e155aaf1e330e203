"""The runs that a phase of Schemathesis may use. In sequences a cancelled run is retried and a
retried run cancelled, so that no chance is needed for a success on a run with a history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from conformance.vocabulary import Operation

_OTHER = {Operation.CANCEL: Operation.RETRY, Operation.RETRY: Operation.CANCEL}
_BAD_REQUEST, _NOT_FOUND, _CONFLICT = 400, 404, 409


def ids_in_page(content: bytes) -> set[str]:
    """Return the ids of the runs in the body of a page; none if it is not a page."""
    try:
        items = json.loads(content)["items"]
        return {run["id"] for run in items if isinstance(run["id"], str)}
    except (ValueError, LookupError, TypeError, RecursionError):
        return set()


class RunSupply:
    """Chooses a run for each case. What a response shows decides which operation may succeed on the
    run next."""

    def __init__(self, pools: Mapping[str, Sequence[str]], *, histories: bool = False) -> None:
        """`pools` holds run ids by operation id. With `histories`, a run that was changed is used
        again, for reads as well."""
        self._pools = {Operation(name): list(runs) for name, runs in pools.items()}
        self._last = {operation: runs[-1] for operation, runs in self._pools.items() if runs}
        self._histories = histories
        self._changed: str | None = None
        self._rejected_by: dict[str, Operation] = {}
        self._rejections: set[tuple[Operation, str]] = set()

    @property
    def runs(self) -> set[str]:
        """All runs that are left."""
        return {run_id for pool in self._pools.values() for run_id in pool}

    def next(self, operation: Operation, *, valid: bool) -> str:
        """Return the run for a case; one that is not `valid` should leave it as it is."""
        if operation not in _OTHER and self._changed is not None:
            # Once: the run that never changes has its turn, too.
            run_id, self._changed = self._changed, None
            return run_id
        pool = self._pools[operation]
        return pool[0 if valid else -1] if pool else self._last[operation]

    def note(self, operation: Operation, run_id: str, status: int, *, valid: bool = False) -> None:
        """Note the status code of a response to a cancel or a retry of this run. A service may
        reject a `valid` case with 400, too, and need its time until it finds a run that a retry
        has made."""
        pool = self._pools.get(operation, [])
        if valid and status == _NOT_FOUND and run_id in pool:
            pool.remove(run_id)
            pool.append(run_id)
        rejected = status == _CONFLICT or (valid and status == _BAD_REQUEST)
        if status >= 300 and not rejected:
            return
        for pool in self._pools.values():
            if run_id in pool:
                pool.remove(run_id)
        if not self._histories:
            return
        other = _OTHER[operation]
        if rejected:
            self._rejections.add((operation, run_id))
        if not rejected:
            self._rejected_by.pop(run_id, None)
            self._changed = run_id
        elif self._rejected_by.get(run_id) == other:
            # A run that rejects both has come to its end.
            return
        else:
            self._rejected_by[run_id] = operation
        if other in self._pools:
            # It comes next: it may end by itself, and the unused ones are a reserve. Where it was
            # rejected before, they come first: a service may always reject such runs.
            pool = self._pools[other]
            pool.insert(len(pool) if (other, run_id) in self._rejections else 0, run_id)
            self._last[other] = run_id
