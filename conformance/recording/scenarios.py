"""Group runs of the same shape, and write a scenario for each group: durations are ranges over its
runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from conformance.recording.run_course import Course, Json, Outcome, StepAttempt, StepCourse

MAX_DURATION = 365 * 86_400_000
"""The longest duration in a file, in milliseconds."""

MAX_RESULT = 500_000
MAX_RESULTS = 3_000_000
"""Characters of one result, and of all results of a scenario; a placeholder counts as many."""

_PLACEHOLDER = 1_000
_HOUR = 3_600_000
_DEFAULT = 1_000
_MAX_SLUG = 40
_UNITS = (("d", 86_400_000), ("h", _HOUR), ("m", 60_000), ("s", 1_000))


@dataclass(slots=True)
class Group:
    """Runs of one shape, the one that shows most of it first."""

    courses: list[Course] = field(default_factory=list)
    name: str = ""
    takes: dict[str, list[int]] = field(default_factory=dict)
    _attempts: dict[str, tuple[StepAttempt, ...]] = field(default_factory=dict)
    _durations: dict[str, list[int]] = field(default_factory=dict)

    def add(self, course: Course) -> None:
        """Add a run."""
        self.courses.append(course)
        for step in course.steps:
            known = self._attempts.get(step.key, ())
            self._attempts[step.key] = max(known, step.attempts, key=len)
            self._durations.setdefault(step.key, []).extend(
                each.takes
                for each in step.attempts
                if each.takes is not None and each.outcome is not Outcome.HANGS
            )

    def attempts(self, key: str) -> tuple[StepAttempt, ...]:
        """Return the attempts at a step of the run that shows most of them."""
        return self._attempts.get(key, ())

    def durations(self, key: str) -> list[int]:
        """Return how long the attempts at a step took."""
        return self._durations.get(key, [])

    @property
    def waits(self) -> list[int]:
        """How long the runs were pending."""
        return [each for course in self.courses for each in course.waits]

    @property
    def longest(self) -> int:
        """The longest time from the start of a run to its end."""
        ends: dict[str, int] = {}
        for step in _in_order(self.courses[0]):
            begin = max((ends.get(need, 0) for need in step.needs), default=0)
            takes = self.takes.get(step.key) or [_DEFAULT]
            ends[step.key] = begin + max(takes) if self.attempts(step.key) else 0
        return max(self.waits, default=_DEFAULT) + max(ends.values(), default=0)


def grouped(courses: Iterable[Course]) -> list[Group]:
    """Return the groups of runs, which come in order of their creation; each has a name of its
    own."""
    courses = list(courses)
    groups: list[Group] = []
    by_identity: dict[tuple[object, ...], list[Group]] = {}
    for course in sorted(courses, key=_rank):
        alike = by_identity.setdefault(_identity(course), [])
        found = next((each for each in alike if _fits(each, course)), None)
        if found is None:
            alike.append(found := Group())
            groups.append(found)
        found.add(course)
    place = {course.id: number for number, course in enumerate(courses)}
    groups.sort(key=lambda group: min(place[course.id] for course in group.courses))
    taken: set[str] = set()
    for group in groups:
        group.name = _unique(_name(group), taken)
        for step in group.courses[0].steps:
            group.takes[step.key] = group.durations(step.key) or _elsewhere(groups, group, step.key)
    return groups


def scenario(group: Group) -> Json:
    """Return the scenario of a group, as in a file."""
    first = group.courses[0]
    keys = {course.concurrency_key for course in group.courses}
    written: Json = {
        "summary": _summary(group),
        "automation": {
            "name": first.automation,
            "version": first.version,
            "orchestrator": first.orchestrator,
        },
        "trigger": {"type": first.trigger_type, "source": first.trigger_source},
    }
    if len(keys) == 1 and first.concurrency_key is not None:
        written["concurrencyKey"] = first.concurrency_key
    written["waits"] = span(group.waits or [_stays_pending(group)])
    left = MAX_RESULTS
    written["steps"] = steps = []
    for each in first.steps:
        step = _step(group, each.key, each.name, each.needs)
        text = json.dumps(step.get("result"))
        size = len(text) + _PLACEHOLDER * text.count("{{")
        if size > min(left, MAX_RESULT):
            del step["result"]
        else:
            left -= size
        steps.append(step)
    return written


def unseen(group: Group) -> list[str]:
    """Return the steps whose duration was not seen in any run."""
    ends = (Outcome.SUCCEEDS, Outcome.FAILS)
    return [
        key
        for key, takes in group.takes.items()
        if not takes and not any(a.outcome not in ends for a in group.attempts(key))
    ]


def span(durations: Sequence[int]) -> str:
    """Return the range of durations in milliseconds as text: 2s, or 1s..3.5s."""
    low, high = min(durations), max(durations)
    return duration(low) if low == high else f"{duration(low)}..{duration(high)}"


def duration(milliseconds: int) -> str:
    """Return a duration as text, exactly."""
    milliseconds = min(milliseconds, MAX_DURATION)
    for unit, size in _UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds < 1_000 else f"{milliseconds / 1_000:.3f}s"


def _step(group: Group, key: str, name: str, needs: tuple[str, ...]) -> Json:
    attempts = group.attempts(key)
    written: Json = {"key": key, "name": name}
    if needs:
        written["dependsOn"] = list(needs)
    written["takes"] = span(group.takes[key] or [_DEFAULT])
    outcomes = [str(each.outcome) for each in attempts] or [str(Outcome.SUCCEEDS)]
    while len(outcomes) > 1 and outcomes[-1] == outcomes[-2]:
        outcomes.pop()
    if outcomes != [Outcome.SUCCEEDS]:
        written["outcome"] = outcomes[0] if len(outcomes) == 1 else outcomes
    failed = next((each.error for each in attempts if each.error is not None), None)
    if failed is not None:
        written["error"] = {"code": failed.code, "message": failed.message}
    done = next((each for each in reversed(attempts) if each.outcome is not Outcome.FAILS), None)
    if done is not None and done.truncated:
        written["truncated"] = True
    if done is not None and done.result is not None:
        written["result"] = done.result
    return written


def _fits(group: Group, course: Course) -> bool:
    """Whether the run, of the same automation, is one of the group's shape, as far as it shows its
    own."""
    first = group.courses[0]
    if first.graph != course.graph:
        return course.open and not course.steps and not first.open
    if _is_cut(first) != _is_cut(course) and not course.open:
        return False
    if course.open != first.open and _goes_on_longer(group, course):
        return False
    return all(
        _agree(group.attempts(step.key), step.attempts, strict=not course.open)
        for step in course.steps
    )


def _agree(known: tuple[StepAttempt, ...], seen: tuple[StepAttempt, ...], *, strict: bool) -> bool:
    """Whether one is the beginning of the other. What still runs may end in any way."""
    if not strict:
        seen = tuple(each for each in seen if each.outcome is not Outcome.HANGS)
    pairs = zip(known, seen, strict=False)
    return all(one.kind == other.kind for one, other in pairs)


def _goes_on_longer(group: Group, course: Course) -> bool:
    """Whether the run shows that it takes longer than each of the group."""
    if course.waited is not None and course.waited >= max(group.waits, default=0):
        return True
    return any(
        each.outcome is Outcome.HANGS and (each.takes or 0) >= max(group.durations(s.key) or [0])
        for s in course.steps
        for each in s.attempts
    )


def _is_cut(course: Course) -> tuple[object, ...]:
    """Return where a run was cancelled: runs that were cancelled elsewhere have another shape."""
    if course.status != "cancelled":
        return ()
    return (course.waited is not None, *(len(step.attempts) for step in course.steps))


def _identity(course: Course) -> tuple[object, ...]:
    trigger = course.trigger_type, course.trigger_source
    return course.automation, course.version, course.orchestrator, *trigger


def _rank(course: Course) -> tuple[object, ...]:
    """Finished runs come first, of these the ones with most attempts."""
    attempts = sum(len(step.attempts) for step in course.steps)
    return course.open, course.status == "cancelled", -attempts


def _elsewhere(groups: list[Group], group: Group, key: str) -> list[int]:
    """Return how long the step took in runs of other shapes of the same automation."""
    mine = group.courses[0]
    return [
        each
        for other in groups
        if other is not group
        and other.courses[0].automation == mine.automation
        and other.courses[0].version == mine.version
        for each in other.durations(key)
    ]


def _stays_pending(group: Group) -> int:
    """Return how long runs wait that were not seen to start: longer than they were seen to."""
    waited = [each.waited for each in group.courses if each.waited is not None]
    return max(waited) + _HOUR if waited else _DEFAULT


def _in_order(course: Course) -> Iterator[StepCourse]:
    known: set[str] = set()
    left = list(course.steps)
    while left:
        ready = [step for step in left if all(need in known for need in step.needs)]
        yield from ready
        known.update(step.key for step in ready)
        left = [step for step in left if step.key not in known] if ready else []


def _name(group: Group) -> str:
    first = group.courses[0]
    begin = f"recorded-{_slug(first.automation)}"
    if first.status == "cancelled":
        return f"{begin}-cancelled"
    if first.open:
        return f"{begin}-{first.status}"
    failing = [s.key for s in first.steps if any(a.outcome is Outcome.FAILS for a in s.attempts)]
    if failing:
        return f"{begin}-{_slug(failing[0])}-fails"
    return f"{begin}-{_slug(first.status)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_MAX_SLUG] or "x"


def _unique(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _summary(group: Group) -> str:
    return f"Recorded from {counted(group.courses)}"


def counted(courses: Sequence[Course]) -> str:
    """Return how many runs there are with each status, as text."""
    counts: dict[str, int] = {}
    for course in courses:
        counts[course.status] = counts.get(course.status, 0) + 1
    parts = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    total = len(courses)
    return f"{total} runs ({parts})" if total != 1 else f"1 run ({next(iter(counts), '')})"
