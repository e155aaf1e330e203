"""Find the changes from one report to another: verdicts, answers to open questions, and their
cause: the implementation, the contract, the kit, or only the way it was run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from conformance.errors import ConfigurationError
from conformance.redaction import Redactor
from conformance.resources import report_schema_file
from conformance.results.report import FORMAT
from conformance.vocabulary import Verdict

_CIRCUMSTANCES = {
    "baseUrl": "base URL",
    "provisioner": "provisioner",
    "credentials": "credentials",
    "catalogue": "catalogue",
    "strict": "strict",
    "fuzz": "generated cases",
}
_WORDING = ("statement", "level", "operation", "question")


@dataclass(frozen=True, slots=True)
class Change:
    """A requirement with a different verdict; `reworded` if its statement differs too."""

    requirement: str
    before: Verdict
    after: Verdict
    message: str
    reworded: bool

    @property
    def worse(self) -> bool:
        """Whether less can be said for the implementation than before."""
        return self.after.rank < self.before.rank


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything between two reports. `changed` says who did; `gone` are the requirements that the
    second has no verdict on, `lost` those of them that it should have one on."""

    changes: tuple[Change, ...]
    new: tuple[tuple[str, Verdict], ...]
    gone: tuple[str, ...]
    lost: tuple[str, ...]
    answers: tuple[tuple[str, str, str], ...]
    changed: tuple[str, ...]
    circumstances: tuple[str, ...]
    conclusions: tuple[str, str]

    @property
    def worse(self) -> bool:
        """Whether anything got worse."""
        return bool(self.lost) or any(change.worse for change in self.changes)


def read_report(file: Path) -> dict[str, Any]:
    """Return the report in the file. Raise ConfigurationError if it is not one."""
    hint = "Write one with: runs-conformance run --json FILE"
    try:
        report: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigurationError(f"{file}: {fault.strerror}.", hint) from None
    except (ValueError, RecursionError) as fault:
        raise ConfigurationError(f"{file}: expected JSON, got {fault}.", hint) from None
    # The message may repeat text that a target sent.
    report = _from_format_1(Redactor().data(report))
    if isinstance(report, dict):
        report.setdefault("catalogue", "latest")  # The first reports do not name it.
    schema = json.loads(report_schema_file().read_text(encoding="utf-8"))
    for error in jsonschema_rs.validator_for(schema).iter_errors(report):
        where = "/".join(map(str, error.instance_path)) or "the document"
        raise ConfigurationError(
            f"{file}: expected a report of format {FORMAT}, got a different document: "
            f"{where}: {error.message[:200]}",
            hint,
        )
    result: dict[str, Any] = report
    return result


# Keys that have other names since format 2.
_RENAMED = {
    "trouble": "problem",
    "notReached": "notRun",
    "found": "verdictBeforeWaiver",
    "place": "contractLocation",
    "culprit": "failingExchange",
    "seen": "evidence",
    "saw": "observed",
}
# Data that the implementation sent is not part of the format.
_DATA = frozenset({"exchanges", "runs", "states", "counts"})


def _from_format_1(report: Any) -> Any:
    """Return a report of format 1 as one of format 2; anything else as it is."""
    if not isinstance(report, dict) or report.get("format") != 1:
        return report
    renamed: dict[str, Any] = _renamed(report)
    return renamed | {"format": FORMAT}


def _renamed(node: Any) -> Any:
    if isinstance(node, list):
        return [_renamed(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        _RENAMED.get(key, key): value if key in _DATA else _renamed(value)
        for key, value in node.items()
    }


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """The difference from the first report to the second."""
    old = {entry["id"]: entry for entry in before["requirements"]}
    new = {entry["id"]: entry for entry in after["requirements"]}
    gone = tuple(each for each in old if each not in new)
    return Difference(
        changes=tuple(
            _change(old[each], new[each])
            for each in new
            if each in old and old[each]["verdict"] != new[each]["verdict"]
        ),
        new=tuple((each, Verdict(new[each]["verdict"])) for each in new if each not in old),
        gone=gone,
        lost=tuple(each for each in gone if each in after["notRun"]),
        answers=tuple(_answers(before["observations"], after["observations"])),
        changed=tuple(_changed(before, after)),
        circumstances=tuple(_circumstances(before, after)),
        conclusions=(before["conclusion"], after["conclusion"]),
    )


def _change(old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    return Change(
        requirement=new["id"],
        before=Verdict(old["verdict"]),
        after=Verdict(new["verdict"]),
        message=new["message"],
        reworded=any(old[key] != new[key] for key in _WORDING),
    )


def _answers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for number in sorted({*old, *new}):
        before, after = _answer(old.get(number)), _answer(new.get(number))
        # A question that was not observed is not a change.
        if before != after and number in old and number in new:
            yield number, before, after


def _answer(seen: Mapping[str, Any] | None) -> str:
    if seen is None:
        return "not observed"
    return str(seen["answer"] or " or ".join(seen["possible"]) or "none of the known answers")


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    if old["contractDigest"] != new["contractDigest"]:
        yield f"the contract ({old['contract']} to {new['contract']})"
    if old["catalogueDigest"] != new["catalogueDigest"] or old["kit"] != new["kit"]:
        yield f"the kit ({old['kit']} to {new['kit']})"


def _circumstances(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    for key, name in _CIRCUMSTANCES.items():
        if old[key] != new[key]:
            yield f"{name}: {_shown(old[key])}, then {_shown(new[key])}"
    for state in sorted({*old["states"], *new["states"]}):
        before, after = old["states"].get(state), new["states"].get(state)
        if (before == "") != (after == ""):
            yield f"runs in state {state}: {before or 'provided'}, then {after or 'provided'}"


def _shown(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
        case list():
            return " and ".join(map(str, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case _:
            return str(value)
