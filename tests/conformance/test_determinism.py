"""The same seed at the same fresh target: the same requests in the same order, and the same
verdicts."""

from __future__ import annotations

import re
import threading
from collections import Counter
from itertools import count, groupby

import httpx2
import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.results.report import Report

# What is left out runs against time (races, streams that are listened to) or is made of many calls
# at once: there the order is the network's.
SOME = ("LIST-*", "GET-*", "STEPS-*", "AUTH-*", "CANCEL-0[1-5]", "RETRY-0*", "HTTP-*")
FUZZ = ("FUZZ-EXAMPLES-LIST", "FUZZ-COVERAGE-LIST")
WORLD = "test-again"
# In each spelling that a check makes of one.
_ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


class Journal:
    """Every request that a target of this name was sent."""

    def __init__(self) -> None:
        self.ours: list[str] = []
        self.fuzzed: list[str] = []
        self._lock = threading.Lock()

    async def __call__(self, request: Request, forward: Forward, memory: Json) -> Response:
        """Note it, and pass it on."""
        with self._lock:
            by = (
                self.fuzzed
                if "schemathesis" in request.headers.get("user-agent", "")
                else self.ours
            )
            by.append(f"{request.method} {request.path} {request.query} {request.body!r}")
        return await forward(request)


def numbered(asked: list[str]) -> list[str]:
    """With ids in the order in which they were first met, which are another world's otherwise."""
    names: dict[str, str] = {}
    fresh = count()

    def name(found: re.Match[str]) -> str:
        return names.setdefault(found[0].lower().replace("-", ""), f"run {next(fresh)}")

    # Of several in one go a server that is left after the first may have read any number.
    return [_ID.sub(name, line) for line, _ in groupby(asked)]


@pytest.mark.extended
def test_the_same_again(mock: str, judge: Judge) -> None:
    """Requests and verdicts, of one check after the other and of the fuzzer's two processes."""
    journals: list[Journal] = []
    reports: list[Report] = []
    for _ in range(2):
        with httpx2.Client(headers={"X-API-Key": WORLD}, verify=False) as client:
            # Fresh means that nothing happens there but what the kit brings about.
            for way in ("reset", "clock/freeze"):
                client.post(f"{mock}/_mock/{way}").raise_for_status()
        journals.append(Journal())
        with serving(Proxy(mock, [Mutant("journal", (), journals[-1])])) as address:
            reports.append(judge(f"{address}/journal", *SOME, *FUZZ, token=WORLD))
    first, second = (
        [(e.requirement.id, r.check, r.verdict, r.message) for e in x.entries for r in e.results]
        for x in reports
    )
    assert first == second
    ours = [numbered(journal.ours) for journal in journals]
    difference = next((pair for pair in zip(*ours, strict=False) if pair[0] != pair[1]), None)
    assert difference is None
    assert len(ours[0]) == len(ours[1]) > 300
    assert Counter(journals[0].fuzzed) == Counter(journals[1].fuzzed)
