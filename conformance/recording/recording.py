"""Collect runs, and write a recording of them: its files by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.errors import KitError
from conformance.recording.anonymize import Shapes
from conformance.recording.folder import (
    BEHAVIOUR,
    SCENARIOS,
    WORLD,
    behaviour_document,
    document,
)
from conformance.recording.observed_run import ObservedRun
from conformance.recording.run_course import Course
from conformance.recording.scenarios import Group, grouped, scenario, unseen
from conformance.recording.trace_course import trace
from conformance.recording.world import world

_MAX_NAMED = 10
# What Python raises for values that an operation is not made for.
_ODD = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a recording, and how many runs of how many shapes are in it."""

    files: dict[str, str]
    runs: int
    shapes: int


class Recording:
    """The runs so far, each without its values. `skipped` counts runs without a creation time,
    `unreadable` those that cannot be traced for another reason."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.skipped = 0
        self.unreadable = 0
        self._courses: dict[str, Course] = {}

    def __len__(self) -> int:
        return len(self._courses)

    @property
    def courses(self) -> list[Course]:
        """The courses of the runs, in the order in which they were seen."""
        return list(self._courses.values())

    def add(self, seen: ObservedRun) -> None:
        """Add a run; it replaces an earlier one with its id. Whatever is odd about one run, the
        others are recorded."""
        try:
            course = trace(seen, self.shapes)
        except _ODD:
            self.unreadable += 1
            return
        if course is None:
            self.skipped += 1
        else:
            self._courses[seen.id.lower()] = course

    @property
    def notes(self) -> list[str]:
        """Return a sentence for each reason why runs are left out."""
        reasons = {
            "have no creation time": self.skipped,
            "have values of another type than the contract's": self.unreadable,
        }
        return [f"{n} runs {why} and are left out." for why, n in reasons.items() if n]

    def check(self) -> None:
        """Raise KitError without a run."""
        if not self._courses:
            raise KitError(
                "Expected at least one run to record, got none.",
                "Check --status, --run and the credential, or create a run first.",
            )

    def write(self, source: str, profile: str) -> Written:
        """Return the files. Raise KitError without a run."""
        self.check()
        courses = _in_order(self.courses)
        groups = grouped(courses)
        files = {
            f"{SCENARIOS}/{group.name}.yaml": document(
                "scenario", scenario(group), f"Source: {source}", *_notes(group)
            )
            for group in groups
        }
        files[WORLD] = document(
            "world", world(courses, groups, self.shapes.ids), f"Source: {source}"
        )
        files[BEHAVIOUR] = behaviour_document(profile)
        return Written(files, len(self._courses), len(groups))


def _in_order(courses: list[Course]) -> list[Course]:
    """Return the runs in order of their creation; of those created at the same time, the one that
    the list has at its older end comes first."""
    if courses[0].created > courses[-1].created:
        courses.reverse()
    return sorted(courses, key=lambda course: course.created)


def _notes(group: Group) -> Sequence[str]:
    missing = unseen(group)
    if not missing:
        return ()
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return (f"The duration of these steps was not seen: {', '.join(missing[:_MAX_NAMED])}{more}.",)
