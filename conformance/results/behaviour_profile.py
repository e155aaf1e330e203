"""Write a target's answers to the open questions as a behaviour profile, a file that the mock
plays. Each has the observations that it rests on, with their checks. A question that was left open,
or settled in a way that no profile can express, keeps the contract's default, with the reason."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from conformance import __version__
from conformance.catalogue.open_questions import ObservedAnswer, Question, RecordedObservation
from conformance.catalogue.requirements import Catalogue
from conformance.results.report import Report
from conformance.vocabulary import ROOT, UUID, Verdict

NO_ANSWERS: Mapping[str, str] = MappingProxyType({})
_MAX_SHOWN = 3
_ID = re.compile(UUID, re.IGNORECASE)
_WIDTH = 96


def observing_requirements(catalogue: Catalogue) -> list[str]:
    """Return the requirements whose checks observe an open question."""
    return [each.id for each in catalogue.requirements.values() if each.question]


def render(
    report: Report,
    questions: Mapping[str, Question],
    others: Mapping[str, str] = NO_ANSWERS,
    source: str = "",
    *,
    quoted: bool = True,
) -> str:
    """Return the profile as YAML, from a report of the observing checks. `others` are answers from
    `source`, for questions that the checks leave open. Unless `quoted`, no text of the service is
    in it: the checks are named, and what they have seen is left out."""
    known = {n: seen for n, seen in report.observations.items() if seen.answer is not None}
    lines = [
        f"# How {report.base_url} answers what the reference leaves open: what runs-conformance",
        f"# {__version__} saw at {report.started}. {len(known)} of {len(questions)} questions are "
        "answered.",
        "# To have the mock answer alike: runs-mock serve --behaviour FILE",
        f"summary: {json.dumps(f'Observed at {report.base_url}', ensure_ascii=False)}",
        "answers:" if known or others else "answers: {}",
    ]
    for number, question in questions.items():
        lines.append("")
        lines += _comment(question.text)
        seen = report.observations.get(number)
        if seen is None:
            lines += _why_not(report, number, quoted=quoted)
        else:
            lines += _evidence(seen, report.base_url, quoted=quoted)
        answer = None if seen is None else seen.answer
        if answer is None and number in others:
            lines += [*_comment(f"From {source}:"), f"  {number}: {_yaml_word(others[number])}"]
        elif answer is None:
            lines.append(f"  # {number}: {_yaml_word(question.default)}  (the contract's own)")
        else:
            lines.append(f"  {number}: {_yaml_word(answer)}")
    return "\n".join(lines) + "\n"


def doubts(report: Report) -> list[str]:
    """Return a sentence for each observed question that has no answer known to a profile."""
    return [
        f"{number}: {_conclusion(seen)}"
        for number, seen in report.observations.items()
        if seen.answer is None
    ]


def _evidence(seen: ObservedAnswer, base_url: str, *, quoted: bool) -> Iterator[str]:
    if seen.answer is None:
        yield from _comment(_conclusion(seen))
    for line in _observations(seen, base_url, quoted=quoted):
        yield from _comment(line, "- ")


def _conclusion(seen: ObservedAnswer) -> str:
    if seen.unknown:
        meanings = "; ".join(f"{word} ({text})" for word, text in seen.question.answers.items())
        return f"Answered in a way that no profile knows. Known are: {meanings}"
    if seen.contradictory:
        return "Answered in different ways, which no profile can say:"
    return f"What was seen leaves it open: {' or '.join(seen.possible)}."


def _observations(seen: ObservedAnswer, base_url: str, *, quoted: bool) -> list[str]:
    """Return the observations, equal ones of several checks once; grouped if they contradict."""
    by_answers: dict[tuple[str, ...], list[RecordedObservation]] = {}
    for each in seen.records:
        by_answers.setdefault(each.observation.answers, []).append(each)
    lines: list[str] = []
    for answers, records in by_answers.items():
        observed = (
            f"{s.requirement}: {_plain(s.observation.observed, base_url)}"
            if quoted
            else s.requirement
            for s in records
        )
        lines_of_group = list(dict.fromkeys(observed))
        prefix = f"{' or '.join(answers) or 'unknown'}: " if len(by_answers) > 1 else ""
        more = (
            [f"and {len(lines_of_group) - _MAX_SHOWN} more"]
            if len(lines_of_group) > _MAX_SHOWN
            else []
        )
        lines += [prefix + line for line in [*lines_of_group[:_MAX_SHOWN], *more]]
    return lines


def _plain(text: str, base_url: str) -> str:
    """Return the text without parts that are the same everywhere or mean nothing later."""
    return _ID.sub("{run_id}", text.replace(base_url, "").replace(ROOT, ROOT.rpartition("/")[2]))


def _why_not(report: Report, number: str, *, quoted: bool) -> Iterator[str]:
    """Yield the reasons why the checks that could have observed the question did not."""
    yield from _comment("Not observed:")
    reasons = [
        f"{entry.requirement.id} is {entry.verdict.value}"
        + (f": {entry.worst.message}" if quoted else "")
        for entry in report.entries
        if entry.requirement.question == number and entry.verdict is not Verdict.PASS
    ]
    for reason in reasons[:_MAX_SHOWN] or ["no check that could see it was run to its end"]:
        yield from _comment(_plain(reason, report.base_url), "- ")


def _comment(text: str, bullet: str = "") -> list[str]:
    lines = textwrap.wrap(
        " ".join(text.split()),
        _WIDTH - 4 - len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
    indents = [bullet] + [" " * len(bullet)] * len(lines)
    return [f"  # {indent}{line}" for indent, line in zip(indents, lines, strict=False)]


def _yaml_word(answer: str) -> str:
    """Quoted where YAML would read something else than a word."""
    special = answer in ("null", "true", "false", "yes", "no", "on", "off")
    return f"'{answer}'" if special else answer
