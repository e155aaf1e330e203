"""Write the world of a recording: its runs, each created as long ago as it was when it was seen,
and the requests that changed it."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.recording.anonymize import IdMap
from conformance.recording.run_course import Action, Course, Json
from conformance.recording.scenarios import MAX_DURATION, Group, counted, duration


def world(courses: Sequence[Course], groups: Sequence[Group], ids: IdMap) -> Json:
    """Return the world of runs in order of their creation, as in a file. What had ended when it was
    seen has ended in it, too, however long its steps take there."""
    latest = max(course.seen for course in courses)
    group_of = {course.id: group for group in groups for course in group.courses}
    longest = {group.name: group.longest for group in groups}
    entries = [(_age(each, longest[group_of[each.id].name], latest), each) for each in courses]
    entries.sort(key=lambda each: -each[0])
    return {
        "summary": f"Recorded: {counted(courses)}",
        "live": [_entry(age, each, group_of[each.id].name, ids) for age, each in entries],
    }


def _age(course: Course, longest: int, latest: int) -> int:
    age = max(latest - course.created, 0)
    if not course.open:
        acts = max((act.after for act in course.acts), default=0)
        age = max(age, acts + longest)
    return min(age, MAX_DURATION)


def _entry(age: int, course: Course, name: str, ids: IdMap) -> Json:
    entry: Json = {"scenario": name, "since": duration(age), "id": ids.uuid(course.id)}
    acts = []
    for act in course.acts:
        if act.after <= age:
            written: Json = {"after": duration(act.after), "do": str(act.do)}
            if act.do is Action.RETRY and act.mode not in ("", "from_failed"):
                written["mode"] = act.mode
            if act.step:
                written["step"] = act.step
            acts.append(written)
    if acts:
        entry["then"] = acts
    return entry
