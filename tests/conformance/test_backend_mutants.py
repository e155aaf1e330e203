"""The kit proves itself on a second implementation: variants of the Flask backend, each with one
fault in its code, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from backend_process import CONFIG, KEYS, serving_backend
from mutants.backend import BACKENDS, BackendMutant
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.vocabulary import Verdict

# Those that take many seconds of real time; the proxy has other mutants of their requirements.
pytestmark = pytest.mark.extended


@pytest.mark.parametrize("mutant", BACKENDS, ids=lambda mutant: mutant.name)
def test_a_broken_backend_is_caught(
    mutant: BackendMutant, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the requirement that its fault breaks."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving_backend(mutant.name, mutant.speed) as address:
        report = judge(address, *mutant.requirements, config=str(CONFIG), patience="10s")
    caught = {Verdict.VIOLATION, Verdict.DEVIATION}
    found = {entry.requirement.id for entry in report.entries if entry.verdict in caught}
    assert found == set(mutant.requirements), [e.worst.message for e in report.entries]


async def all_at_once(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant, but what stands between holds a stream back until it ends."""

    async def held(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield b"".join([frame async for frame in frames])

    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = held(reply.frames)
    return reply


def test_a_race_that_cannot_be_brought_about_is_not_passed(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing shows when a run is about to complete, no cancel comes just then: the report
    says so, with a remedy."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    mutant = Mutant("held", (), all_at_once)
    with serving_backend() as backend, serving(Proxy(backend, [mutant])) as address:
        report = judge(f"{address}/held", "CANCEL-07", config=str(CONFIG), patience="5s")
    (entry,) = report.entries
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert "provide a 'succeeds' whose last step" in entry.worst.message
