"""Read the runs of a service, with GET requests only: the list, and of each run its steps and its
stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.client.api import Api
from conformance.client.response import Response
from conformance.client.run_events import RunEvent, run_events, terminal_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, KitError, Outcome
from conformance.recording.observed_run import ObservedRun, has_ended
from conformance.recording.run_course import Json, instant

MAX_RUNS = 10_000
_PAGE = 100
_PAUSE = 1.0
_PATIENCE = 5.0
_IMPATIENCE = 0.5
_MAX_SILENT = 3
_MAX_ID = 1_000
"""Characters that fit into an address wherever it passes by."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs to read: those with these ids, or the first of the list, with these statuses.
    `follow`: wait for the end of those that are open."""

    limit: int = 100
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    follow: bool = False


class RunSource:
    """Reads the runs of one service, for some seconds at most. `notes` say what could not be read,
    `out_of_time` whether more was left to read."""

    def __init__(
        self,
        api: Api,
        wanted: Wanted,
        seconds: float,
        on_total: Callable[[int], None] = lambda total: None,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._until = time.monotonic() + seconds
        self._on_total = on_total
        self._silent = 0
        self.notes: list[str] = []
        self.out_of_time = False

    def read(self) -> Iterator[ObservedRun]:
        """Yield the runs, those that are followed last.

        Raise KitError if the list, or a run that was asked for, cannot be read.
        """
        found = [self._run(each) for each in self._wanted.ids] or self._listed()
        found = [each for each in found if self._is_addressed(each)]
        self._on_total(len(found))
        for run in [each for each in found if not self._is_followed(each)]:
            if self._is_late():
                return
            seen = _observed(run)
            self._read(seen)
            yield seen
        for run in filter(self._is_followed, found):
            seen = _observed(run)
            if not self._is_late():
                self._follow(seen)
                yield seen

    def _is_late(self) -> bool:
        self.out_of_time = self.out_of_time or self._left() <= 0
        return self.out_of_time

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _is_addressed(self, run: Json) -> bool:
        """Whether its id fits into a path; note one that does not."""
        run_id = str(run["id"])
        fits = len(run_id) <= _MAX_ID
        if not fits:
            self._note(f"run {run_id[:20]}... is left out: its id has {len(run_id)} characters")
        return fits

    def _is_followed(self, run: Json) -> bool:
        return self._wanted.follow and not has_ended(run)

    def _run(self, run_id: str) -> Json:
        if len(run_id) > _MAX_ID:
            raise KitError(f"--run: expected at most {_MAX_ID} characters, got {len(run_id)}.")
        response = self._call(lambda: self._api.get_run(run_id), f"--run {run_id}")
        return _with_id(response, f"--run {run_id}")

    def _listed(self) -> list[Json]:
        found: dict[str, Json] = {}
        for status in self._wanted.statuses or ("",):
            for item in self._pages(status, self._wanted.limit - len(found)):
                found.setdefault(str(item["id"]), item)
        return list(found.values())

    def _pages(self, status: str, limit: int) -> Iterator[Json]:
        offset = 0
        while limit > 0 and not self._is_late():
            query: dict[str, Any] = {"limit": min(_PAGE, limit), "offset": offset}
            if status:
                query["status"] = status
            response = self._call(partial(self._api.list_runs, **query), "The list")
            page = _object(response, "The list")
            items = page.get("items")
            items = items if isinstance(items, list) else []
            runs = [each for each in items if isinstance(each, dict) and each.get("id")]
            # A service that ignores the filter must not decide which runs are recorded.
            kept = [each for each in runs if not status or each.get("status") == status]
            yield from kept[:limit]
            limit -= len(kept)
            offset += len(items)
            total = page.get("total")
            if not items or (isinstance(total, int) and offset >= total) or offset >= 10 * MAX_RUNS:
                return

    def _call(self, call: Callable[[], Response], what: str) -> Response:
        try:
            return call()
        except Outcome as fault:
            raise KitError(f"{what}: cannot be read: {fault}.", _HINT) from None

    def _read(self, seen: ObservedRun) -> None:
        self._read_steps(seen)
        try:
            with self._api.events(seen.id) as stream:
                self._take_replay(seen, stream)
        except Outcome as fault:
            self._note(f"run {seen.id}: its stream cannot be read: {fault}")

    def _read_steps(self, seen: ObservedRun) -> None:
        try:
            seen.see_steps(self._api.steps(seen.id).get("steps"))
            if not seen.finished:
                # It may have gone on meanwhile.
                seen.see_run(self._api.run(seen.id))
        except Outcome as fault:
            self._note(f"run {seen.id}: its steps cannot be read: {fault}")

    def _take_replay(self, seen: ObservedRun, stream: Stream) -> None:
        """Take the events up to the last change of the run, as far as the stream repeats them."""
        if stream.status != 200 or stream.media_type != "text/event-stream":
            return
        changed = instant(seen.run, "updatedAt", "completedAt")

        def is_complete(stream: Stream) -> bool:
            times = [_time(event) for event in run_events(stream.events)[-3:]]
            return changed is not None and any(at is not None and at >= changed for at in times)

        # Where streams do not repeat what was, waiting for it would take long for many runs.
        patience = _PATIENCE if self._silent < _MAX_SILENT else _IMPATIENCE
        complete = stream.wait(min(patience, max(self._left(), 0.0)), is_complete)
        if not complete and not stream.ended:
            self._silent += 1
        if seen.finished and complete:
            # Several events may be of the last instant: the one that ends the run is the last.
            stream.wait(min(patience, max(self._left(), 0.0)), _ends_with_terminal_event)
        seen.see_events(run_events(stream.events))

    def _follow(self, seen: ObservedRun) -> None:
        """Wait until the run has ended, on its stream, and without one by reading it again."""
        try:
            with self._api.events(seen.id) as stream:
                known = 0
                while not seen.finished and not self._is_late():
                    stream.wait(self._left(), partial(_has_more_ends, known))
                    known = len(terminal_events(stream))
                    if stream.ended:
                        time.sleep(max(min(_PAUSE, self._left()), 0.0))
                    seen.see_run(self._api.run(seen.id))
                if stream.status == 200 and stream.media_type == "text/event-stream":
                    seen.see_events(run_events(stream.events))
        except Outcome as fault:
            self._note(f"run {seen.id}: cannot be followed: {fault}")
        self._read_steps(seen)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


_HINT = "Check the address, the credential and --timeout."


def _observed(run: Json) -> ObservedRun:
    seen = ObservedRun(str(run["id"]))
    seen.see_run(run)
    return seen


def _object(response: Response, what: str) -> Json:
    if response.status != 200:
        raise KitError(f"{what}: expected 200, got {response.summary}.", _HINT)
    try:
        return response.object()
    except CheckFailed as fault:
        raise KitError(f"{what}: expected an object, got another response: {fault}.") from None


def _with_id(response: Response, what: str) -> Json:
    run = _object(response, what)
    if not run.get("id"):
        raise KitError(f"{what}: expected a run with an id, got one without.", _HINT)
    return run


def _time(event: RunEvent) -> int | None:
    return instant(event.run or {}, "updatedAt", "completedAt")


def _has_more_ends(known: int, stream: Stream) -> bool:
    return len(terminal_events(stream)) > known


def _ends_with_terminal_event(stream: Stream) -> bool:
    events = run_events(stream.events)
    return bool(events) and events[-1].ends_run
