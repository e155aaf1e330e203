"""Whatever the answers to the open questions are, no implementation is accused for them, and the
kit observes which they are."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from mock_process import DEFAULTS, FIXTURES, OTHERS, QUESTIONS, behave, serving_mock
from mutants import cancel_retry
from mutating_proxy import Forward, Json, Mutant, Mutate, Proxy, Request, Response, serving
from support import SLOW, Judge

from conformance.catalogue import open_questions
from conformance.results import behaviour_profile
from conformance.results.report import Report
from conformance.vocabulary import ExitCode, Verdict

# What an answer may change the verdict on; its own check is among them.
TOUCHED = {
    "Q01": ("RETRY-*", "STEPS-*"),
    "Q02": ("CANCEL-*",),
    "Q03": ("RETRY-1*",),
    "Q04": ("RETRY-*",),
    "Q05": ("LIST-1*",),
    "Q06": ("LIST-*",),
    "Q07": ("LIST-*", "HTTP-*"),
    "Q08": ("AUTH-*", "HTTP-*"),
    "Q09": ("AUTH-*",),
    "Q10": ("CANCEL-*",),
    "Q11": ("LIST-*",),
    "Q12": ("EVENTS-*", "LIFE-0[56]"),
    "Q13": ("EVENTS-*",),
    "Q14": ("EVENTS-*", "LIFE-0[56]", "CANCEL-0[67]"),
    "Q15": ("RETRY-0*",),
    "Q16": ("RETRY-0*",),
    "Q17": ("RETRY-1*",),
    "Q18": ("STEPS-*", "LIFE-*", "RETRY-*"),
    "Q19": ("GET-*", "STEPS-*", "LIST-*", "LIFE-*", "EVENTS-1[25]"),
    "Q20": ("HTTP-*", "CANCEL-*", "AUTH-*"),
    "Q21": ("GET-*", "STEPS-*", "LIFE-*", "EVENTS-1[25]"),
    "Q22": ("CANCEL-*", "RETRY-*"),
}
# What cannot be seen where a question is answered so, or ever of a mock without rate limits, and in
# which words that is said.
ALWAYS = ("", "")
UNSEEN = {
    ALWAYS: ("HTTP-08", Verdict.UNSUPPORTED, "no rate limit headers"),
    ("Q12", "data_only"): ("EVENTS-07", Verdict.UNSUPPORTED, "bear no ids"),
    ("Q13", "closes"): ("EVENTS-16", Verdict.UNSUPPORTED, "no replay (Q13)"),
    ("Q08", "forbidden"): ("AUTH-07", Verdict.UNSUPPORTED, "(Q08)"),
}
STRANGERS = {"Q08", "Q20"}
PROFILES = sorted(
    file.stem for file in (FIXTURES / "behaviours").glob("*.yaml") if file.stem != "default"
)
# A fifth of the sequences of calls of a gate.
FEW = {"fuzz": "12", "fuzz_seed": "20"}
CHANCE = random.Random(20)
MIXED = [{q: CHANCE.choice(list(QUESTIONS[q]["answers"])) for q in QUESTIONS} for _ in range(3)]


def test_every_question_is_touched() -> None:
    """The matrix below has a line for each."""
    assert set(TOUCHED) == set(QUESTIONS)


@contextmanager
def answering(mock: str, world: str, answers: Mapping[str, str], file: Path) -> Iterator[str]:
    """The address of a mock whose world answers so: of one that is there, unless strangers are to
    be answered so too, who have no world."""
    if STRANGERS.isdisjoint(answers):
        behave(mock, world, answers)
        yield mock
        return
    text = yaml.safe_dump({"summary": "for a test", "answers": dict(answers)})
    file.write_text(text, encoding="utf-8")
    with serving_mock("--behaviour", str(file)) as address:
        yield address


@pytest.mark.parametrize(("question", "answer"), OTHERS)
def test_one_answer_raises_no_alarm(
    question: str, answer: str, mock: str, judge: Judge, tmp_path: Path
) -> None:
    """And is observed; so are the other answers, as far as the same checks see them."""
    world, answers = f"test-{question}-{answer}".lower().replace("_", "-"), {question: answer}
    with answering(mock, world, answers, tmp_path / "behaviour.yaml") as address:
        report = judge(address, *TOUCHED[question], token=world, exclude=(SLOW,))
    believed(report, answers)
    assert question in report.observations
    for number, seen in report.observations.items():
        expected = answer if number == question else DEFAULTS[number]
        assert expected in seen.possible, seen.to_json()
    written = yaml.safe_load(behaviour_profile.render(report, open_questions.load()))["answers"]
    assert written.get(question) == answer


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_raises_no_alarm(name: str, judge: Judge) -> None:
    """All checks by hand against a mock that is started with it, and every answer is observed."""
    file = FIXTURES / "behaviours" / f"{name}.yaml"
    answers = DEFAULTS | yaml.safe_load(file.read_text(encoding="utf-8"))["answers"]
    with serving_mock("--behaviour", str(file)) as address:
        report = judge(address, token="test-whole", exclude=(SLOW, "FUZZ-*"), **FEW)
    believed(report, answers)
    assert {number: seen.answer for number, seen in report.observations.items()} == answers


@pytest.mark.parametrize("number", range(len(MIXED)))
def test_a_mixture_raises_no_alarm(number: int, tmp_path: Path, judge: Judge) -> None:
    """Nor is any combination of answers taken for a fault, by what is made up least of all: for one
    of them that is Schemathesis' requests, for the others sequences of calls."""
    answers = MIXED[number]
    chosen = FEW | {"exclude": (SLOW, "FUZZ-*")} if number else {"exclude": (SLOW, "MODEL-01")}
    with answering("", "", answers, tmp_path / "mixed.yaml") as address:
        report = judge(address, token="test-mixed", **chosen)
    believed(report, answers)
    assert {number: seen.answer for number, seen in report.observations.items()} == answers


@contextmanager
def serving_mutant(mock: str, name: str, world: str, answers: Mapping[str, str]) -> Iterator[str]:
    """One mutant before a world that answers so."""
    behave(mock, world, answers)
    (mutant,) = (mutant for mutant in cancel_retry.mutant.all if mutant.name == name)
    with serving(Proxy(mock, [mutant])) as address:
        yield f"{address}/{name}"


def test_another_run_hides_no_lie(mock: str, judge: Judge) -> None:
    """Where a retry makes another run, a completed step may appear in it as it ended or at once,
    but not do its work again."""
    with serving_mutant(mock, "always-full", "test-full-again", {"Q01": "new_run"}) as address:
        report = judge(address, "RETRY-0[124]", token="test-full-again")
    caught = {e.requirement.id for e in report.entries if e.verdict is not Verdict.PASS}
    assert caught == {"RETRY-02", "RETRY-04"}


async def once_at_a_time(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant: it refuses a second cancel while the first is under way."""
    under_way = request.operation == "cancel" and request.run_id in memory
    if under_way and (await forward(request.to("get"))).json()["status"] == "running":
        return Response(409, {}).put({"detail": "The run is being cancelled."})
    if request.operation == "cancel":
        memory[request.run_id] = True
    return await forward(request)


def test_a_cancel_under_way_may_be_refused_again(mock: str, judge: Judge) -> None:
    """Although one that comes when the run is cancelled is not (Q02)."""
    world, answers = "test-once-at-a-time", {"Q02": "unchanged", "Q10": "cooperative"}
    behave(mock, world, answers)
    with serving(Proxy(mock, [Mutant("careful", (), once_at_a_time)])) as address:
        report = judge(f"{address}/careful", "CANCEL-*", token=world)
    believed(report, answers)


async def prompt_at_first(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant, but quick: the first runs that are looked at have begun already."""
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        seen = memory.setdefault("runs", [])
        if request.run_id not in seen:
            seen.append(request.run_id)
        run = reply.json()
        if run["status"] == "pending" and seen.index(request.run_id) < 3:
            return reply.put(run | {"status": "running", "startedAt": run["createdAt"]})
    return reply


def test_a_run_that_began_before_anybody_looked_is_not_the_only_one(
    mock: str, judge: Judge
) -> None:
    """Where runs wait for a moment only, another may be seen to."""
    with serving(Proxy(mock, [Mutant("prompt", (), prompt_at_first)])) as address:
        report = judge(f"{address}/prompt", "LIFE-02", token="test-prompt")
    believed(report, {})


async def works_on(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant: the step at work ends by itself just when somebody asks for a retry."""
    reply = await forward(request)
    if request.operation == "retry":
        memory[request.run_id] = True
    if request.operation == "steps" and request.run_id in memory:
        answer = reply.json()
        for step in answer["steps"]:
            if step["status"] == "running":
                step |= {"status": "completed", "completedAt": step["startedAt"]}
        return reply.put(answer)
    return reply


async def begins_soon(request: Request, forward: Forward, memory: Json) -> Response:
    """Not a fault, but a run that should wait for minutes begins when it is read a third time."""
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        memory[request.run_id] = memory.get(request.run_id, 0) + 1
        run = reply.json()
        if run["status"] == "pending" and memory[request.run_id] > 2:
            return reply.put(run | {"status": "running", "startedAt": run["createdAt"]})
    return reply


@pytest.mark.parametrize(
    ("honest", "verdict"), [(works_on, Verdict.PASS), (begins_soon, Verdict.INCONCLUSIVE)]
)
def test_what_goes_on_by_itself_was_not_retried(
    honest: Mutate, verdict: Verdict, mock: str, judge: Judge
) -> None:
    """A retry that is refused may come just when a step ends, or a run begins."""
    name = honest.__name__.replace("_", "-")
    with serving(Proxy(mock, [Mutant(name, (), honest)])) as address:
        (entry,) = judge(f"{address}/{name}", "RETRY-11", token=f"test-{name}").entries
    assert entry.verdict is verdict, entry.worst.message


async def started_last(request: Request, forward: Forward, memory: Json) -> Response:
    """A run that was retried started when its last attempt did, and keeps steps that are older."""
    reply = await forward(request)
    if request.operation in ("get", "list") and reply.status == 200:
        value = reply.json()
        for run in value.get("items", [value]):
            steps = (await forward(request.to("steps", run["id"]))).json()["steps"]
            run["startedAt"] = run["startedAt"] and steps[-1]["startedAt"]
        return reply.put(value)
    return reply


@pytest.mark.parametrize(("provision", "verdict"), [("discover", "pass"), ("mock", "violation")])
def test_a_run_that_is_found_may_have_been_retried(
    provision: str, verdict: str, mock: str, judge: Judge
) -> None:
    """Its steps may have ended before it started last; those of a run that the kit had made not."""
    world = f"test-found-{provision}"
    with httpx2.Client(base_url=mock, headers={"X-API-Key": world}, verify=False) as client:
        client.post("/_mock/runs", json={"scenario": "quick-success"}).raise_for_status()
        client.post("/_mock/clock/advance", json={"seconds": 600}).raise_for_status()
    with serving(Proxy(mock, [Mutant("last", (), started_last)])) as address:
        chosen = {"token": world, "provision": provision}
        (entry,) = judge(f"{address}/last", "STEPS-12", **chosen).entries
    assert entry.verdict.value == verdict, entry.worst.message


def believed(report: Report, answers: Mapping[str, str]) -> None:
    """Nothing is held against it, and nothing left undecided but what cannot be seen."""
    others = {
        entry.requirement.id: (entry.verdict, entry.worst.message)
        for entry in report.entries
        if entry.verdict is not Verdict.PASS
    }
    for requirement, verdict, words in _unseen(answers):
        if requirement in others:
            found = others.pop(requirement)
            assert found[0] is verdict
            assert words in found[1]
    assert others == {}
    assert report.exit_code is ExitCode.CONFORMANT, report.problem


def _unseen(answers: Mapping[str, str]) -> Iterator[tuple[str, Verdict, str]]:
    for each in (*answers.items(), ALWAYS):
        if each in UNSEEN:
            yield UNSEEN[each]
