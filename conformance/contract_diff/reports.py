"""Render a verdict on a changed contract: for a terminal, as JSON, Markdown and SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from conformance import __version__
from conformance.contract.yaml_file import Lines
from conformance.contract_diff.change import Audience, Change, Impact
from conformance.contract_diff.verdict import Judged, Verdict
from conformance.reporters.markdown import plain_text

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_COLOURS = {
    Impact.BREAKING: "red",
    Impact.EXHAUSTIVE: "yellow",
    Impact.GENERATED: "yellow",
    Impact.UNDECIDED: "magenta",
    Impact.COMPATIBLE: "green",
}


def as_text(verdict: Verdict) -> str:
    """Return the verdict for a terminal, with colours; changes under their impact on clients."""
    return "\n".join(_text(verdict)) + "\n"


def _text(verdict: Verdict) -> Iterator[str]:
    for impact in Impact:
        listed = [each for each in verdict.changes if each.change.impact is impact]
        if listed:
            yield click.style(f"{impact.value}: {impact.meaning}", _COLOURS[impact], bold=True)
        for judged in listed:
            yield from _change_lines(judged)
    for line in verdict.stale_waivers:
        yield click.style(f"waiver {line}", "red")
    if verdict.advice:
        yield _printable(verdict.advice)
    yield click.style(verdict.headline, bold=True)


def _change_lines(judged: Judged) -> Iterator[str]:
    change = judged.change
    mark = "x" if judged.fails else "w" if judged.waiver else " "
    yield _printable(f"{mark} {change.rule}  {change.where}: {change.message}")
    yield click.style(_printable(f"    {_operations(change)}"), dim=True)
    if effects := _effects(change):
        yield click.style(f"    {effects}", dim=True)
    if change.example:
        yield click.style(_printable(f"    example: {change.example}"), dim=True)
    if judged.waiver:
        waiver = judged.waiver
        until = f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
        yield click.style(_printable(f"    {until}"), dim=True)
    yield click.style(_printable(f"    {change.id}"), dim=True)


def as_json(verdict: Verdict) -> str:
    """Return the verdict as JSON; `contract-diff.schema.json` describes it."""
    return json.dumps(verdict.to_json(), ensure_ascii=False, indent=2) + "\n"


def as_markdown(verdict: Verdict) -> str:
    """Return the verdict as Markdown, for a comment on a pull request."""
    return "\n".join(_markdown(verdict)) + "\n"


def _markdown(verdict: Verdict) -> Iterator[str]:
    names = " → ".join(f"`{name}`" for name in map(_code, verdict.difference.names))
    yield f"## {verdict.headline}\n"
    view = "the documented view" if verdict.view == "documented" else "the full contract"
    yield f"{names}, {view}"
    for line in filter(None, (verdict.advice, *verdict.stale_waivers)):
        yield f"\n> {_markup(line)}"
    for title, chosen, is_open in (
        ("Failing", [each for each in verdict.changes if each.fails], True),
        ("Waived", [each for each in verdict.changes if each.waiver], False),
        (
            "Other changes",
            [each for each in verdict.changes if not each.fails and not each.waiver],
            False,
        ),
    ):
        if chosen:
            summary = f"<summary>{title} ({len(chosen)})</summary>"
            yield f"\n<details{' open' if is_open else ''}>{summary}\n"
            yield "| change | where | affects | evidence | example |"
            yield "| --- | --- | --- | --- | --- |"
            yield from map(_row, chosen)
            yield "\n</details>"


def _row(judged: Judged) -> str:
    change = judged.change
    cells = (
        f"`{change.rule}`<br>{_markup(change.message)}",
        f"{_markup(change.where)}<br>{_markup(_operations(change))}",
        _markup(_effects(change)),
        change.level.value,
        _markup(change.example),
    )
    return f"| {' | '.join(cells)} |"


def as_sarif(verdict: Verdict, texts: tuple[str, str]) -> str:
    """Return the verdict as SARIF 2.1.0; `texts` are the old and the new document's."""
    lines = [Lines(text) for text in texts]
    rules = sorted({each.change.rule for each in verdict.changes})
    run = {
        "tool": {
            "driver": {
                "name": "runs-conformance contract diff",
                "semanticVersion": __version__,
                "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
            }
        },
        "results": [_result(each, verdict, lines, rules) for each in verdict.changes],
    }
    document = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _result(
    judged: Judged, verdict: Verdict, lines: list[Lines], rules: list[str]
) -> dict[str, Any]:
    change = judged.change
    side = 1 if change.after else 0
    line = lines[side].of(change.after or change.before)
    result: dict[str, Any] = {
        "ruleId": change.rule,
        "ruleIndex": rules.index(change.rule),
        "level": _sarif_level(judged),
        "message": {"text": f"{change.where}: {change.message} {_effects(change)}".strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": verdict.difference.names[side]},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {"change/v1": change.id},
        "properties": {"operations": list(change.operations), "example": change.example},
    }
    if judged.waiver is not None:
        waiver = judged.waiver
        why = f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def _sarif_level(judged: Judged) -> str:
    if judged.counts:
        return "error"
    return "note" if judged.change.impact is Impact.COMPATIBLE else "warning"


def _operations(change: Change) -> str:
    if not change.operations:
        return change.before or change.after
    first, count = change.operations[0], len(change.operations)
    return first if count == 1 else f"{first} and {count - 1} more"


def _effects(change: Change) -> str:
    """Return who is affected and how well that is founded, in words."""
    return "; ".join(
        f"{effect.impact.value} for {audience.words} ({effect.level.value})"
        for audience in Audience
        if (effect := change.effect(audience)).impact is not Impact.COMPATIBLE
    )


def _markup(text: str) -> str:
    return plain_text(_printable(text))


def _code(text: str) -> str:
    return _printable(text).replace("`", "'")


def _printable(text: str) -> str:
    """Return the text with control characters escaped: a document may hold any."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
