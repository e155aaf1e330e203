"""Render the report as SARIF 2.1.0: each failure at the line of the contract that is not met.
Results without a decision are notifications of the run, not results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from conformance import __version__
from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.contract import contract as contracts
from conformance.contract.yaml_file import Lines
from conformance.redaction import visible
from conformance.resources import contract_file
from conformance.results.report import Entry, Report
from conformance.vocabulary import ExitCode, Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_FOUND = (Verdict.VIOLATION, Verdict.DEVIATION)
_ARTIFACT = {"uri": "openapi.yaml", "index": 0}


def as_sarif(report: Report) -> str:
    """One run of the tool, with a rule for each requirement and a result for each fault."""
    text = contract_file().read_text(encoding="utf-8")
    lines, contract = Lines(text), contracts.load()

    def line(entry: Entry) -> int:
        contract_location = entry.worst.contract_location or contract.operation_pointer(
            entry.requirement.operation
        )
        return lines.of(contract_location)

    found = [entry for entry in report.entries if entry.verdict_before_waiver in _FOUND]
    open_ = [e for e in report.entries if e.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR)]
    run = {
        "tool": {
            "driver": {
                "name": "runs-conformance",
                "semanticVersion": __version__,
                "rules": [_rule(entry.requirement) for entry in report.entries],
            }
        },
        "invocations": [
            {
                "startTimeUtc": report.started,
                "exitCode": int(report.exit_code),
                "exitCodeDescription": report.conclusion,
                "executionSuccessful": report.exit_code
                in (ExitCode.CONFORMANT, ExitCode.NOT_CONFORMANT),
                "toolExecutionNotifications": [
                    *_remarks(report),
                    *(_notification(entry) for entry in open_),
                ],
            }
        ],
        "artifacts": [
            {
                "location": {"uri": "openapi.yaml"},
                "hashes": {"sha-256": sha256(text.encode()).hexdigest()},
            }
        ],
        "results": [
            _result(entry, report.entries.index(entry), line(entry), strict=report.strict)
            for entry in found
        ],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return visible(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _rule(requirement: Requirement) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "shortDescription": {"text": requirement.statement},
        "help": {"text": f"{requirement.level.value}: {requirement.source}"},
        "defaultConfiguration": {"level": "error" if requirement.level.gates else "warning"},
    }


def _result(entry: Entry, index: int, line: int, *, strict: bool) -> dict[str, Any]:
    gates = entry.verdict_before_waiver is Verdict.VIOLATION or strict
    contract_location = {"artifactLocation": _ARTIFACT, "region": {"startLine": line}}
    result: dict[str, Any] = {
        "ruleId": entry.requirement.id,
        "ruleIndex": index,
        "level": "error" if gates else "warning",
        "message": {"text": entry.worst.message or entry.requirement.statement},
        "locations": [{"physicalLocation": contract_location}],
        "partialFingerprints": {
            "requirement/v1": f"{entry.requirement.id}{entry.worst.contract_location}"
        },
        "properties": {"causedBy": entry.caused_by, "curl": entry.worst.curl},
    }
    if entry.waiver is not None:
        why = f"{entry.waiver.reason} ({entry.waiver.owner}, until {entry.waiver.expires})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    failing_exchange = entry.worst.failing_exchange
    if shown := next((x for x in entry.worst.exchanges if x.number == failing_exchange), None):
        result |= _web(shown)
    return result


def _web(exchange: Exchange) -> dict[str, Any]:
    body = exchange.request_body
    asked: dict[str, Any] = {
        "protocol": "http",
        "method": exchange.method,
        "target": exchange.url,
        "headers": exchange.request_headers,
    }
    web: dict[str, Any] = {"webRequest": asked | ({"body": {"text": body}} if body else {})}
    if exchange.status is None:
        return web | {"webResponse": {"noResponseReceived": True}}
    return web | {
        "webResponse": {
            "protocol": "http",
            "statusCode": exchange.status,
            "headers": exchange.response_headers,
            "body": {"text": exchange.response_body},
        }
    }


def _remarks(report: Report) -> Iterator[dict[str, Any]]:
    for level, lines in (
        ("error", (report.problem, *report.stale_waivers)),
        ("warning", report.notes),
    ):
        yield from ({"level": level, "message": {"text": line}} for line in lines if line)


def _notification(entry: Entry) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": f"{entry.requirement.id} {entry.verdict.value}: {entry.worst.message}"},
        "associatedRule": {"id": entry.requirement.id},
    }
