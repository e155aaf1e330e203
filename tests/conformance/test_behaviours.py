"""Whatever the answers to the open questions are, no implementation is accused for them, and the
kit observes which they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from mock_process import DEFAULTS, FIXTURES, QUESTIONS, behave, playing
from mutants import cancel_retry
from mutating_proxy import Forward, Json, Mutant, Mutate, Proxy, Request, Response, serving
from pairwise import Choice, Pair, all_pairs, covering_rows, pairs_in, to_blame
from plain_yaml import parse_yaml
from support import SLOW, Judge

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import load
from conformance.results import behaviour_profile
from conformance.results.report import Report
from conformance.vocabulary import ExitCode, Verdict
from mock_server.engine.behaviour import BehaviourFile

# What cannot be seen where a question is answered so, or ever of a mock without rate limits, and in
# which words that is said.
ALWAYS = ("", "")
UNSEEN = {
    ALWAYS: ("HTTP-08", Verdict.UNSUPPORTED, "no rate limit headers"),
    ("Q12", "data_only"): ("EVENTS-07", Verdict.UNSUPPORTED, "bear no ids"),
    ("Q13", "closes"): ("EVENTS-16", Verdict.UNSUPPORTED, "no replay (Q13)"),
    ("Q08", "forbidden"): ("AUTH-07", Verdict.UNSUPPORTED, "(Q08)"),
}
# Sequences of calls for a profile: a fifth of those of a gate.
FEW = {"fuzz": "12", "fuzz_seed": "20"}
PROFILES = {
    file.stem: DEFAULTS | parse_yaml(file.read_text(encoding="utf-8"))["answers"]
    for file in sorted((FIXTURES / "behaviours").glob("*.yaml"))
}
# Every two answers are given together by one of these, or by a profile.
PARAMETERS = {number: list(question["answers"]) for number, question in QUESTIONS.items()}
ROWS = {
    f"pairs-{n}": row for n, row in enumerate(covering_rows(PARAMETERS, PROFILES.values()), start=1)
}
# The groups of checks whose verdict an answer may change; its own check is among them.
TOUCHED = {
    "Q01": {"RETRY", "STEPS"},
    "Q02": {"CANCEL"},
    "Q03": {"RETRY"},
    "Q04": {"RETRY"},
    "Q05": {"LIST"},
    "Q06": {"LIST"},
    "Q07": {"LIST", "HTTP"},
    "Q08": {"AUTH", "HTTP"},
    "Q09": {"AUTH"},
    "Q10": {"CANCEL", "LIFE"},
    "Q11": {"LIST"},
    "Q12": {"EVENTS", "LIFE"},
    "Q13": {"EVENTS"},
    "Q14": {"EVENTS", "LIFE", "CANCEL"},
    "Q15": {"RETRY"},
    "Q16": {"RETRY"},
    "Q17": {"RETRY"},
    "Q18": {"STEPS", "LIFE", "RETRY"},
    "Q19": {"GET", "STEPS", "LIST", "LIFE", "EVENTS"},
    "Q20": {"HTTP", "CANCEL", "AUTH", "RETRY"},
    "Q21": {"GET", "STEPS", "LIFE", "EVENTS"},
    "Q22": {"CANCEL", "RETRY"},
}


def groups_of_rows() -> Iterator[tuple[str, list[str]]]:
    """Each row's name with the groups of checks that it is for: those that may notice two of its
    answers that no profile and no row before it gives together. A row for none is left out."""
    met = set[Pair]().union(*map(pairs_in, PROFILES.values()))
    for name, row in ROWS.items():
        new = pairs_in(row) - met
        met |= new
        both = (TOUCHED[one] & TOUCHED[other] for (one, _), (other, _) in new)
        if groups := sorted(set[str]().union(*both)):
            yield name, groups


def test_every_question_touches_its_own_checks() -> None:
    """And is a question that there is."""
    assert set(TOUCHED) == set(QUESTIONS)
    for requirement in load().requirements.values():
        if requirement.question and requirement.group != "FUZZ":
            assert requirement.group in TOUCHED[requirement.question], requirement.id


def test_every_check_meets_every_two_answers() -> None:
    """That may change its verdict: by a profile, one of which is the reference run's, or by a
    combination."""
    assert PROFILES["default"] == DEFAULTS
    tested = [(row, set[str]().union(*TOUCHED.values())) for row in PROFILES.values()]
    tested += [(ROWS[name], set(groups)) for name, groups in groups_of_rows()]
    for one, other in all_pairs(PARAMETERS):
        touched = TOUCHED[one[0]] & TOUCHED[other[0]]
        meeting = [groups for row, groups in tested if (one, other) in pairs_in(row)]
        assert touched <= set[str]().union(*meeting), (one, other)


@pytest.mark.extended
@pytest.mark.parametrize("name", sorted({*PROFILES} - {"default"}))
def test_a_profile_raises_no_alarm(name: str, judge: Judge) -> None:
    """All checks by hand and sequences of calls; every answer is observed, and what is written down
    of it is a profile that the mock plays."""
    report = believed_or_explained(judge, PROFILES[name], exclude=(SLOW, "FUZZ-*"), **FEW)
    written = parse_yaml(behaviour_profile.render(report, open_questions.load()))
    assert BehaviourFile(**written).behaviour().answers() == PROFILES[name]


def test_every_answer_is_in_a_profile() -> None:
    """The profiles alone meet every answer once; the combinations are extended tests."""
    answers = {choice for row in PROFILES.values() for choice in row.items()}
    assert answers == {(name, answer) for name, all_ in PARAMETERS.items() for answer in all_}


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "groups"), [pytest.param(*row, id=row[0]) for row in groups_of_rows()]
)
def test_a_combination_raises_no_alarm(name: str, groups: list[str], judge: Judge) -> None:
    """Every check meets every two answers that may change its verdict, and its answer is observed.
    The first combination meets what Schemathesis makes up as well, in two of its four ways."""
    made_up = ["FUZZ-COVERAGE-*", "FUZZ-STATEFUL-*"] if name == "pairs-1" else []
    include = [f"{group}-*" for group in groups] + made_up
    report = believed_or_explained(judge, ROWS[name], *include, exclude=(SLOW,))
    questions = {entry.requirement.question for entry in report.entries} - {None}
    assert questions <= report.observations.keys()


def believed_or_explained(
    judge: Judge, answers: Mapping[str, str], *include: str, **chosen: object
) -> Report:
    """The report on a mock that answers so, by which it is believed; if it is not, the failure has
    a note that names the fewest answers that are enough for it."""

    def judged(some: Iterable[Choice]) -> Report:
        all_answers = DEFAULTS | dict(some)
        with playing(all_answers) as address:
            report = judge(address, *include, token="test-whole", **chosen)
        believed(report, all_answers)
        seen = {number: seen.answer for number, seen in report.observations.items()}
        assert seen.items() <= all_answers.items()
        return report

    def fails(some: Iterable[Choice]) -> bool:
        try:
            judged(some)
        except AssertionError:
            return True
        return False

    others = [choice for choice in answers.items() if choice not in DEFAULTS.items()]
    try:
        return judged(others)
    except AssertionError as fault:
        fault.add_note(f"These answers are enough for it: {dict(to_blame(others, fails))}")
        raise


async def miscounts_from_the_oldest(request: Request, forward: Forward, memory: Json) -> Response:
    """Gives a wrong total where runs are listed with the oldest first."""
    reply = await forward(request)
    if request.operation == "list" and reply.status == 200:
        page = reply.json()
        created = [run["createdAt"] for run in page["items"]]
        if created != sorted(created, reverse=True):
            return reply.put(page | {"total": page["total"] + len(created)})
    return reply


@pytest.mark.extended
def test_the_answer_to_blame_is_named(judge: Judge) -> None:
    """Of a combination that is not believed, and no other."""

    def judge_mutated(address: str, *include: str, **chosen: Any) -> Report:
        mutant = Mutant("miscounts", (), miscounts_from_the_oldest)
        with serving(Proxy(address, [mutant])) as proxy:
            return judge(f"{proxy}/miscounts", *include, **chosen)

    answers = DEFAULTS | {"Q05": "empty", "Q06": "invalid", "Q11": "oldest_first", "Q21": "grows"}
    with pytest.raises(AssertionError) as failure:
        believed_or_explained(judge_mutated, answers, "LIST-0*", "LIST-1*")
    assert failure.value.__notes__ == ["These answers are enough for it: {'Q11': 'oldest_first'}"]


@contextmanager
def serving_mutant(mock: str, name: str, world: str, answers: Mapping[str, str]) -> Iterator[str]:
    """One mutant before a world that answers so."""
    behave(mock, world, answers)
    (mutant,) = (mutant for mutant in cancel_retry.mutant.all if mutant.name == name)
    with serving(Proxy(mock, [mutant])) as address:
        yield f"{address}/{name}"


@pytest.mark.extended
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


@pytest.mark.extended
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
    """No mutant: the step at work ends by itself just when a retry is requested."""
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


async def begins_late(request: Request, forward: Forward, memory: Json) -> Response:
    """Likewise, when it is read after the retry."""
    if request.operation == "retry":
        memory[request.run_id] = 2
    return await begins_soon(request, forward, memory) if memory else await forward(request)


@pytest.mark.parametrize(
    ("honest", "verdict"),
    [
        (works_on, Verdict.PASS),
        (begins_soon, Verdict.INCONCLUSIVE),
        (begins_late, Verdict.INCONCLUSIVE),
    ],
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
