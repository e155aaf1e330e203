"""Scenarios: what the shipped ones do, and how a broken file is refused."""

from pathlib import Path

import pytest

from mock_server.cli import timeline
from mock_server.engine.scenario import read, read_all
from mock_server.errors import FileError, UsageError
from mock_server.resources import scenarios_dir

TIMELINES = Path(__file__).parent / "timelines"
SCENARIOS = read_all(scenarios_dir())


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_plays_as_written_down(name: str) -> None:
    """What happens to its run by itself, event by event, is the golden timeline.

    After a wanted change: ``python tests/mock_server/write_timelines.py``, and read the diff.
    """
    scenario = SCENARIOS[name]
    played = timeline.lines(scenario, timeline.play(scenario))
    assert played == (TIMELINES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def test_there_is_a_scenario_for_every_history() -> None:
    """The histories a frontend needs are there, and no golden timeline is left behind."""
    assert {
        "quick-success", "failure-in-the-middle", "flaky", "diamond", "fan-out", "long-queue",
        "hang", "approval", "truncated-result", "five-hundred-steps", "empty", "unicode",
    } <= set(SCENARIOS)  # fmt: skip
    assert {path.stem for path in TIMELINES.glob("*.txt")} == set(SCENARIOS)


HEAD = "summary: A test\nautomation: {name: Test}\n"


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("summary: [", 2, ["is not YAML"]),
        ("- a\n- b\n", 1, ["mapping of keys"]),
        ("", 1, ["mapping of keys"]),
        ("summary: A test\n", 1, ["automation: is missing"]),
        (HEAD + "stpes: []\n", 3, ["stpes", "did you mean 'steps'?", "known keys: automation"]),
        (HEAD + "summary: again\n", 3, ["summary", "duplicate"]),
        (HEAD + "waits: soon\n", 3, ["waits", "'soon' is not a duration", "250ms"]),
        (HEAD + "waits: 5\n", 3, ["waits", "5 is not a duration"]),
        (HEAD + "waits: 3s..1s\n", 3, ["ends before it begins"]),
        (HEAD + "waits: 400d\n", 3, ["longer than 365d"]),
        (HEAD + "steps:\n  - {key: a}\n  - {key: a}\n", 5, ["steps[1].key", "'a' is a duplicate"]),
        (HEAD + "steps:\n  - key: ''\n", 4, ["steps[0].key", "at least 1 character"]),
        (HEAD + "steps:\n  - key: a\n    takess: 1s\n", 5,
         ["steps[0].takess", "did you mean 'takes'?", "dependsOn"]),
        (HEAD + "steps:\n  - key: a\n    outcome: explodes\n", 5,
         ["steps[0].outcome", "'succeeds', 'fails', 'hangs' or 'awaits decision'", "'explodes'"]),
        (HEAD + "steps:\n  - key: a\n    outcome: []\n", 5, ["steps[0].outcome"]),
        (HEAD + "steps:\n  - key: fetch\n  - key: b\n    dependsOn: [fetsh]\n", 6,
         ["steps[1].dependsOn[0]", "'fetsh' is not a step", "did you mean 'fetch'?"]),
        (HEAD + "steps:\n  - {key: a, dependsOn: [b]}\n  - {key: b, dependsOn: [a]}\n", 3,
         ["steps", "circle", "a -> b -> a"]),
        (HEAD + "steps:\n  - {key: a, dependsOn: [a]}\n", 3, ["circle", "a -> a"]),
        (HEAD + "steps:\n  - {key: a, repeat: 0}\n", 4, ["steps[0].repeat", "greater than or"]),
        (HEAD + "steps:\n  - {key: a, repeat: 1500}\n  - {key: b, repeat: 1500}\n", 3,
         ["steps", "3000 steps in total; the maximum is 2000"]),
        (HEAD + "trigger: {type: magic}\n", 3, ["trigger.type", "'magic'"]),
        (HEAD + "steps:\n  - key: a\n    result: {x: '{{nonsense}}'}\n", 5,
         ["steps[0].result", "{{nonsense}} is not a placeholder", "{{", "name"]),
        (HEAD + "steps:\n  - key: a\n    result:\n      x:\n        - by {{name|upper}}\n", 7,
         ["steps[0].result.x[0]: {{name|upper}} is not a placeholder; use one of address"]),
        (HEAD + "steps:\n  - key: a\n    result:\n      b: 1\n      x: {{name}}\n", 7,
         ["steps[0].result.x: a key is a mapping", "'{{name}}' in quotes"]),
        (HEAD + "steps:\n  - key: a\n    result:\n      '{{name}}': 1\n", 6,
         ["the key {{name}} would stay", "values in results only"]),
        (HEAD + "steps:\n  - key: a\n    name: By {{name}}\n", 5,
         ["steps[0].name: {{name}} would stay", "values in results only"]),
        (HEAD + "steps:\n  - key: a\n    error:\n      code: x\n      message: '{{'\n", 7,
         ["steps[0].error.message: {{ would stay", "values in results only"]),
        ("summary: For {{name}}\nautomation: {name: Test}\n", 1, ["summary: {{name}} would stay"]),
        ("summary: A\nautomation: {name: 'T {{name}}'}\n", 2, ["automation.name: {{name}} would"]),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_where_it_is_broken(
    tmp_path: Path, text: str, line: int, parts: list[str]
) -> None:
    """The message names file, line, key, value and what was expected."""
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as rejection:
        read(path)
    message = str(rejection.value)
    assert message.startswith(f"{path}:{line}: "), message
    for part in parts:
        assert part in message


def test_a_file_that_is_not_a_text_is_refused(tmp_path: Path) -> None:
    """The message says that it is not UTF-8."""
    path = tmp_path / "broken.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="UTF-8"):
        read(path)


def test_a_directory_without_scenarios_is_refused(tmp_path: Path) -> None:
    """So is one that does not exist."""
    with pytest.raises(UsageError, match="expected a scenario"):
        read_all(tmp_path)
    with pytest.raises(UsageError, match="expected a directory"):
        read_all(tmp_path / "nowhere")


def test_a_picture_shows_each_step_over_time() -> None:
    """A bar for each step that was at work; a word for one that fails, goes on or never starts."""
    scenario = SCENARIOS["failure-in-the-middle"]
    rows = timeline.picture(scenario, timeline.play(scenario), width=12)
    assert rows == [
        "extract      ████",
        "load             ▓▓▓▓▓▓  fails",
        "reconcile                skipped",
        "notify                   skipped",
    ]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("99999999999999999999999", "beyond 64 bits"),
        (".nan", "not a number in JSON"),
        ("[1, .inf]", "at big[1]"),
        ("2024-01-01", "not a JSON value"),
        ("!!binary aGk=", "not a JSON value"),
        ("{1: x}", "the key 1 at big is not a string"),
        ("!!set {x, y}", "not a JSON value"),
    ],
)
def test_what_could_not_be_sent_is_refused_when_it_is_read(
    tmp_path: Path, value: str, part: str
) -> None:
    """Not when a client asks for it."""
    path = tmp_path / "broken.yaml"
    path.write_text(f"{HEAD}steps:\n  - key: a\n    result: {{big: {value}}}\n")
    with pytest.raises(FileError) as rejection:
        read(path)
    assert str(rejection.value).startswith(f"{path}:5: steps[0].result: ")
    assert part in str(rejection.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: &a [*a]\n", "alias"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "alias"),
        ("steps: " + "[" * 3_000 + "]" * 3_000, "nested too deeply"),
        (HEAD + "steps:\n  - key: a\n    result: [1]\n", "mapping of keys"),
        ("summary: x\nautomation: {name: a, version: 99999999999999999999}\n", "less than or"),
        ("[]", "mapping of keys"),
    ],
)
def test_a_file_that_unfolds_to_too_much_is_refused(tmp_path: Path, text: str, part: str) -> None:
    """At once, and by name."""
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(FileError, match=part):
        read(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02", "the date 2026-03-02"),
        ("no", "false (yes, no, on and off are such words)"),
        ("1.5", "the number 1.5"),
    ],
)
def test_a_text_that_yaml_takes_for_something_else_needs_quotes(
    tmp_path: Path, value: str, expected: str
) -> None:
    """The line says what it was taken for, and what to do."""
    path = tmp_path / "broken.yaml"
    path.write_text(f"summary: {value}\nautomation: {{name: A}}\nsteps: []\n")
    with pytest.raises(FileError) as rejection:
        read(path)
    expected = f"should be a string, and YAML reads this as {expected}: put it in quotes"
    assert str(rejection.value) == f"{path}:1: summary: {expected}"


def test_a_placeholder_for_a_time_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Faker has one, and the mock has not."""
    path = tmp_path / "broken.yaml"
    path.write_text(
        "summary: A\nautomation: {name: A}\n"
        "steps:\n  - {key: a, takes: 1s, result: {at: '{{date_time}}'}}\n"
    )
    with pytest.raises(
        FileError, match=r"\{\{date_time\}\} is not a placeholder; .* None is a time"
    ):
        read(path)
