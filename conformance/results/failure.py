"""Publish a failed requirement with its traffic, as a file that can be sent again and opened in the
mock: `failure.schema.json` describes it. No credential is in it, and no text is unbounded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from conformance import __version__
from conformance.client.recorder import MAX_BODY_KEPT, Content, Exchange, Traffic
from conformance.contract.contract import Contract
from conformance.contract.pointer import look_up, target
from conformance.results.report import Entry, Report
from conformance.results.result import Result
from conformance.vocabulary import ROOT, State, Verdict

KIND = "runs-conformance failure"
FORMAT = 1
FAILED = (Verdict.VIOLATION, Verdict.DEVIATION)
MAX_CHECKS = 5
MAX_EXCHANGES = 200
# Of the bodies and events of one check, in characters. The failing exchange and the newest ones
# come first.
MAX_TEXT = 1024 * 1024
_MAX_KEYWORD = 2_000
_MAX_RUN_ID = 200
_RUN_ID = re.compile(rf"{ROOT}/([^/?#]+)")


def traffic_of(
    exchanges: Sequence[Exchange],
    failing: int | None,
    traffic: Traffic,
    state_of: Callable[[str], State | None],
) -> dict[str, Any]:
    """Return the exchanges of a check with their contents, and the runs that it was provided."""
    kept = list(exchanges[-MAX_EXCHANGES:])
    before = failing is not None and failing not in {e.number for e in exchanges}
    shows = [e for e in (traffic.since(0) if before else exchanges) if e.number == failing]
    if shows and shows[0] not in kept:
        kept = [*shows, *kept[-MAX_EXCHANGES + 1 :]]
    ids = dict.fromkeys(i for e in exchanges for i in run_ids(e.url) if len(i) <= _MAX_RUN_ID)
    states = {run_id: state_of(run_id) for run_id in ids}
    budget, shown = MAX_TEXT, dict[int, dict[str, Any]]()
    for exchange in sorted(kept, key=lambda e: (e.number != failing, -e.number)):
        published = _exchange(exchange, traffic.content(exchange.number), traffic, budget)
        budget -= _size(published)
        shown[exchange.number] = published
    return {
        "recordingStarted": traffic.started_at,
        "runs": [
            {"id": traffic.redactor.text(run_id), "state": state.value}
            for run_id, state in states.items()
            if state is not None
        ],
        "exchanges": [shown[exchange.number] for exchange in kept],
        "exchangesLeftOut": len(exchanges) + before - len(kept),
        "failedBefore": before,
    }


def document(report: Report, entry: Entry, contract: Contract) -> dict[str, Any]:
    """Return the file about a requirement that failed: at least one result has traffic."""
    results, required = failed_results(entry), entry.requirement
    return {
        "kind": KIND,
        "format": FORMAT,
        "kit": __version__,
        "catalogue": report.catalogue,
        "contract": report.contract,
        "contractDigest": report.contract_digest,
        "baseUrl": report.base_url,
        "credentials": list(report.credentials),
        "provisioner": report.provisioner,
        "fuzz": {"cases": report.fuzz.cases, "seed": report.fuzz.seed},
        "started": report.started,
        "requirement": {
            "id": required.id,
            "statement": required.statement,
            "level": required.level.value,
            "operation": required.operation.value if required.operation else None,
            "source": required.source,
        },
        "verdict": entry.verdict_before_waiver.value,
        "waived": entry.verdict is Verdict.WAIVED,
        "checks": [_check(each, entry, contract) for each in results[:MAX_CHECKS]],
        "checksLeftOut": max(0, len(results) - MAX_CHECKS),
    }


def failed_entries(report: Report) -> list[Entry]:
    """Return the requirements that failed and have traffic, waived or not, in order."""
    return [
        entry
        for entry in report.entries
        if entry.verdict_before_waiver in FAILED
        and any(each.verdict in FAILED and each.traffic for each in entry.results)
    ]


def failed_results(entry: Entry) -> list[Result]:
    """Return the results of a requirement that failed and have traffic, the worst first."""
    results = sorted(
        (each for each in entry.results if each.verdict in FAILED and each.traffic is not None),
        key=lambda each: each.verdict.rank,
    )
    # A failure that was met between two checks does not belong to the second one.
    return [each for each in results if not (each.traffic or {})["failedBefore"]] or results


def run_ids(url: str) -> list[str]:
    """Return the id of a run in the path of a URL, in a list, which is empty if there is none."""
    return _RUN_ID.findall(url.partition("?")[0])[:1]


def _check(result: Result, entry: Entry, contract: Contract) -> dict[str, Any]:
    expected: dict[str, Any] = {
        "statement": entry.requirement.statement,
        "contractLocation": result.contract_location or None,
    }
    if result.contract_location:
        try:
            keyword = look_up(contract.full, target(result.contract_location))
        except LookupError:
            keyword = None
        if len(json.dumps(keyword, default=str)) <= _MAX_KEYWORD:
            expected["keyword"] = keyword
    return {
        "requirement": result.check_of or result.requirement,
        "name": result.check,
        "verdict": result.verdict.value,
        "message": result.message,
        "expected": expected,
        "failingExchange": result.failing_exchange,
        "seconds": result.seconds,
        **(result.traffic or {}),
    }


def _exchange(
    exchange: Exchange, content: Content | None, traffic: Traffic, budget: int
) -> dict[str, Any]:
    clean = traffic.redactor.text
    published: dict[str, Any] = {
        "number": exchange.number,
        "at": exchange.at,
        "seconds": exchange.seconds,
        "method": exchange.method,
        "url": exchange.url,
        "requestHeaders": exchange.request_headers,
        "requestBody": exchange.request_body,
        "status": exchange.status,
        "responseHeaders": exchange.response_headers,
        "responseBody": exchange.response_body,
        "responseSize": len(exchange.response_body.encode()),
        "cut": False,
        "note": exchange.note,
        "events": [],
        "curl": exchange.curl,
    }
    if content is None:
        return published
    cut = content.size > len(content.response)
    if exchange.request_body is not None:
        long = len(content.request) >= MAX_BODY_KEPT
        published["requestBody"] = _text(content.request, long, traffic)
        cut = cut or long
    published["responseBody"] = _text(
        content.response, content.size > len(content.response), traffic
    )
    published["responseSize"] = content.size
    published["events"] = [
        {
            "at": round(event.at, 4),
            "event": clean(event.event),
            "id": None if event.id is None else clean(event.id),
            "data": clean(event.data),
        }
        for event in content.events
    ]
    published["cut"] = cut
    if _size(published) > budget:
        published |= {"responseBody": "", "events": [], "cut": True}
    return published


def _text(body: bytes, cut: bool, traffic: Traffic) -> str:
    """Return a body without secrets; where it is cut, so is the part that may begin one."""
    text = traffic.redactor.text(body.decode("utf-8", "replace"))
    return text[: -traffic.redactor.longest or None] if cut else text


def _size(published: dict[str, Any]) -> int:
    return len(published["responseBody"]) + sum(len(e["data"]) for e in published["events"])
