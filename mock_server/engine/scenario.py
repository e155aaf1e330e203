"""Scenarios: the course of a run, as data in a file.

A file under ``fixtures/scenarios`` names the automation, the trigger, how long a run waits, and its
steps: what each depends on, how long it takes, and its outcome at each attempt. An error in a file
is reported with its line, key, value and what was expected.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mock_server import yaml_model
from mock_server.engine import fake_data
from mock_server.engine.duration import SPAN_PATTERN, Span, format_span, parse_span
from mock_server.engine.json_value import MAX_ERROR_SIZE, check_json
from mock_server.engine.run_state import Json, StepPlan
from mock_server.errors import FileError, UsageError
from mock_server.resources import scenarios_dir

MAX_STEPS = 2_000
MAX_EDGES = 50_000
"""Dependencies between the steps of one scenario; ``repeat`` multiplies them."""

MAX_SIZE = 8 * 1_048_576
"""Bytes of all steps of one scenario as JSON, about; ``repeat`` multiplies them."""

_STEP_SIZE = 300
"""Bytes of a step as JSON without its texts."""


class Outcome(StrEnum):
    """How one attempt at a step ends."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    HANGS = "hangs"
    AWAITS_DECISION = "awaits decision"


def _check_result(result: Json | None) -> Json | None:
    check_json(result)
    fake_data.check_placeholders(result)
    return result


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


SPAN_SCHEMA = WithJsonSchema({"type": "string", "pattern": SPAN_PATTERN})
Takes = Annotated[Any, BeforeValidator(parse_span), SPAN_SCHEMA]
_AsItIs = AfterValidator(fake_data.reject_placeholders)
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), _AsItIs]
Line = Annotated[str, StringConstraints(max_length=1_000), _AsItIs]
Result = Annotated[Json | None, AfterValidator(_check_result)]
_OutcomeText = Annotated[Outcome, Field(strict=False)]
Outcomes = Annotated[
    list[_OutcomeText],
    BeforeValidator(
        _as_list,
        json_schema_input_type=_OutcomeText | Annotated[list[_OutcomeText], Field(min_length=1)],
    ),
    Field(min_length=1),
]


class StepError(yaml_model.Model):
    """The error of a step that fails."""

    code: Line
    message: Annotated[str, StringConstraints(max_length=10_000), _AsItIs]

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_json(self.model_dump(), MAX_ERROR_SIZE)
        return self


class StepFile(yaml_model.Model):
    """A step in a file; ``repeat`` stands for that many steps, numbered from 1."""

    key: Key
    name: Line | None = None
    depends_on: list[Key] = Field(default=[], alias="dependsOn")
    takes: Takes = Span(1_000, 1_000)
    outcome: Outcomes = Field(default=[Outcome.SUCCEEDS])
    result: Result = None
    truncated: bool = False
    error: StepError = StepError(code="step_failed", message="The step failed")
    repeat: int = Field(default=1, ge=1, le=MAX_STEPS)

    def step_keys(self) -> list[str]:
        """Return the keys of the steps it stands for: ``page``, or ``page-01`` … ``page-40``."""
        if self.repeat == 1:
            return [self.key]
        width = len(str(self.repeat))
        return [f"{self.key}-{number:0{width}}" for number in range(1, self.repeat + 1)]


class AutomationFile(yaml_model.Model):
    """The automation of the run."""

    name: Line
    version: int = Field(default=1, ge=1, le=2**53 - 1)
    orchestrator: Literal["local", "dag"] = "dag"


class TriggerFile(yaml_model.Model):
    """The trigger of the run."""

    type: Literal["manual", "schedule", "webhook", "event"] = "manual"
    source: Literal["user", "schedule", "webhook", "event"] = "user"


class ScenarioFile(yaml_model.Model):
    """A scenario in a file."""

    summary: Line
    automation: AutomationFile
    trigger: TriggerFile = TriggerFile()
    concurrency_key: Line | None = Field(default=None, alias="concurrencyKey")
    waits: Takes = Span(1_000, 1_000)
    steps: list[StepFile] = Field(default=[])

    @field_validator("steps")
    @classmethod
    def _check_count(cls, steps: list[StepFile]) -> list[StepFile]:
        count = sum(step.repeat for step in steps)
        if count > MAX_STEPS:
            raise ValueError(f"have {count} steps in total; the maximum is {MAX_STEPS}")
        return steps


@dataclass(frozen=True, slots=True)
class StepScript:
    """The course of one step: the last of ``outcomes`` applies to every further attempt."""

    takes: Span
    outcomes: tuple[Outcome, ...]
    result: Json | None
    truncated: bool
    error: StepError

    @property
    def size(self) -> int:
        """The bytes of a step with this script as JSON, about, without key and name."""
        filled = check_json(self.result) + fake_data.added_size(self.result)
        return _STEP_SIZE + filled + len(self.error.code) + len(self.error.message)

    def outcome(self, attempt: int) -> Outcome:
        """Return the outcome of ``attempt``, counted from 1."""
        return self.outcomes[min(attempt, len(self.outcomes)) - 1]


class StepChange(yaml_model.Model):
    """Changes to a step; None for no change."""

    takes: Takes | None = None
    outcome: Outcomes | None = None
    result: Result = None
    truncated: bool | None = None
    error: StepError | None = None

    def of(self, script: StepScript) -> StepScript:
        """Return ``script`` with the changes."""
        return StepScript(
            takes=self.takes or script.takes,
            outcomes=tuple(self.outcome) if self.outcome else script.outcomes,
            result=script.result if self.result is None else self.result,
            truncated=script.truncated if self.truncated is None else self.truncated,
            error=self.error or script.error,
        )


class Size(NamedTuple):
    """How large a scenario is: its steps, the dependencies between them, and the bytes of all steps
    as JSON, about."""

    steps: int
    edges: int
    bytes: int

    def check(self) -> None:
        """Raise ValueError for a scenario that is too large."""
        if self.edges > MAX_EDGES:
            raise ValueError(f"have {self.edges} dependencies; the maximum is {MAX_EDGES}")
        if self.bytes > MAX_SIZE:
            raise ValueError(f"have {self.bytes} bytes as JSON; the maximum is {MAX_SIZE}")


def measure(source: ScenarioFile) -> Size:
    """Return the size of the scenario in ``source`` without building it."""
    repeats = {step.key: step.repeat for step in source.steps}
    edges = texts = 0
    for step in source.steps:
        needs = sum(repeats.get(key, 1) for key in step.depends_on)
        names = sum(repeats.get(key, 1) * (len(key) + 8) for key in step.depends_on)
        edges += step.repeat * needs
        own = _script(step).size + len(step.key) + len(step.name or step.key) + 10
        texts += step.repeat * (own + names)
    return Size(sum(repeats.values()), edges, texts)


@dataclass(frozen=True)
class Scenario:
    """A validated scenario: ``plans[i]`` and ``scripts[i]`` belong to the same step."""

    name: str
    summary: str
    automation: AutomationFile
    trigger: TriggerFile
    concurrency_key: str | None
    waits: Span
    plans: tuple[StepPlan, ...]
    scripts: tuple[StepScript, ...]

    @cached_property
    def dependents(self) -> tuple[tuple[int, ...], ...]:
        """The indexes of the direct dependents of each step."""
        found: list[list[int]] = [[] for _ in self.plans]
        for index, plan in enumerate(self.plans):
            for need in plan.needs:
                found[need].append(index)
        return tuple(map(tuple, found))

    @cached_property
    def indexes(self) -> dict[str, int]:
        """The index of each step by its key."""
        return {plan.key: index for index, plan in enumerate(self.plans)}

    def changed(self, changes: Mapping[str, StepChange]) -> "Scenario":
        """Return the scenario with changes to steps.

        Raise KeyError for an unknown step, and ValueError for a scenario that is too large then.
        """
        scripts = list(self.scripts)
        for key, change in changes.items():
            index = self.indexes[key]
            scripts[index] = change.of(scripts[index])
        changed = replace(self, scripts=tuple(scripts))
        changed.size.check()
        return changed

    @cached_property
    def size(self) -> "Size":
        """How large the scenario is."""
        sizes = {id(script): script.size for script in self.scripts}
        texts = sum(
            sizes[id(script)] + len(plan.key) + len(plan.name)
            for plan, script in zip(self.plans, self.scripts, strict=True)
        )
        lengths = [len(plan.key) + 3 for plan in self.plans]
        texts += sum(lengths[need] for plan in self.plans for need in plan.needs)
        return Size(len(self.plans), sum(len(plan.needs) for plan in self.plans), texts)

    def downstream(self, origins: set[int]) -> set[int]:
        """Return ``origins`` and all their direct and indirect dependents."""
        found = set(origins)
        waiting = list(origins)
        while waiting:
            for index in self.dependents[waiting.pop()]:
                if index not in found:
                    found.add(index)
                    waiting.append(index)
        return found


def read(path: Path) -> Scenario:
    """Return the scenario in ``path``, named after the file. Raise FileError."""
    source, lines = yaml_model.load(path, ScenarioFile)
    return build(path.stem, source, path, lines)


def build(name: str, source: ScenarioFile, path: Path, lines: yaml_model.Lines) -> Scenario:
    """Return the scenario of a file.

    Raise FileError where the steps are too many, or not a DAG.
    """
    try:
        measure(source).check()
    except ValueError as error:
        raise FileError(path, lines.get(("steps",)), "steps", str(error)) from None
    indexes: dict[str, int] = {}
    groups: dict[str, list[int]] = {}
    for position, step in enumerate(source.steps):
        for key in step.step_keys():
            if key in indexes:
                line = lines.get(("steps", position, "key"))
                raise FileError(
                    path, line, f"steps[{position}].key", f"{key!r} is a duplicate; rename one"
                )
            indexes[key] = len(indexes)
        groups[step.key] = [indexes[key] for key in step.step_keys()]

    plans: list[StepPlan] = []
    scripts: list[StepScript] = []
    for position, step in enumerate(source.steps):
        needs: list[int] = []
        for need_index, key in enumerate(step.depends_on):
            if key not in groups and key not in indexes:
                matches = difflib.get_close_matches(key, groups, n=1)
                hint = f"; did you mean {matches[0]!r}?" if matches else ""
                raise FileError(
                    path,
                    lines.get(("steps", position, "dependsOn", need_index)),
                    f"steps[{position}].dependsOn[{need_index}]",
                    f"{key!r} is not a step{hint}",
                )
            needs += groups[key] if key in groups else [indexes[key]]
        script = _script(step)
        for key in step.step_keys():
            label = step.name or step.key.replace("-", " ").replace("_", " ").capitalize()
            name_of_it = label if step.repeat == 1 else f"{label} {key.rpartition('-')[2]}"
            plans.append(StepPlan(key, name_of_it, tuple(dict.fromkeys(needs))))
            scripts.append(script)
    _reject_cycle(plans, path, lines.get(("steps",)))
    return Scenario(
        name,
        source.summary,
        source.automation,
        source.trigger,
        source.concurrency_key,
        source.waits,
        tuple(plans),
        tuple(scripts),
    )


def _script(step: StepFile) -> StepScript:
    return StepScript(step.takes, tuple(step.outcome), step.result, step.truncated, step.error)


def dump(scenario: Scenario) -> Json:
    """Return the scenario as in a file, each step on its own: the inverse of ``build``."""
    plans = scenario.plans
    return {
        "summary": scenario.summary,
        "automation": scenario.automation.model_dump(),
        "trigger": scenario.trigger.model_dump(),
        "concurrencyKey": scenario.concurrency_key,
        "waits": format_span(scenario.waits),
        "steps": [
            {
                "key": plan.key,
                "name": plan.name,
                "dependsOn": [plans[need].key for need in plan.needs],
                "takes": format_span(script.takes),
                "outcome": list(script.outcomes),
                "result": script.result,
                "truncated": script.truncated,
                "error": script.error.model_dump(),
            }
            for plan, script in zip(plans, scenario.scripts, strict=True)
        ],
    }


def load_available(directory: Path | None = None) -> dict[str, Scenario]:
    """Return the scenarios that come with the mock and those in ``directory``, which win, by name.

    Raise FileError or UsageError.
    """
    return read_all(scenarios_dir()) | (read_all(directory) if directory else {})


def read_all(directory: Path) -> dict[str, Scenario]:
    """Return every scenario in ``directory`` by name. Raise FileError or UsageError."""
    if not directory.is_dir():
        raise UsageError(f"{directory}: expected a directory with scenarios, found none")
    found = {path.stem: read(path) for path in yaml_model.files(directory)}
    if not found:
        raise UsageError(f"{directory}: expected a scenario (*.yaml), found none")
    return found


def _reject_cycle(plans: list[StepPlan], path: Path, line: int | None) -> None:
    if all(max(plan.needs, default=-1) < index for index, plan in enumerate(plans)):
        # Each step comes after those that it needs, as in most files: they need not be sorted.
        return
    try:
        TopologicalSorter({i: plan.needs for i, plan in enumerate(plans)}).prepare()
    except CycleError as error:
        cycle = " -> ".join(plans[index].key for index in reversed(error.args[1]))
        raise FileError(path, line, "steps", f"depend on each other in a circle: {cycle}") from None
