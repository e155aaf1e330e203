"""Honest set-ups are never accused, and what is learned of them is reported as an observation."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import honest
import pytest
from backend_process import CONFIG, KEYS, serving_backend
from mutating_proxy import Mutant, Proxy, serving
from support import Judge

from conformance.harness.settling import Settling
from conformance.results.report import Report
from conformance.vocabulary import Verdict

QUICK = {
    "list-lags": ("LIFE-05", "LIFE-07", "LIST-20", "RETRY-15"),
    "readable-later": ("RETRY-18", "GET-13"),
    "whole-seconds": ("GET-11", "STEPS-12"),
    "restarts-once": ("GET-0[1-3]",),
    "busy-tenant": ("LIST-04", "LIST-09", "LIST-1[0134]"),
    "cancel-takes-its-time": ("CANCEL-03", "HTTP-14", "LIFE-07"),
}


@pytest.fixture(scope="module")
def honest_backends() -> Iterator[str]:
    """The address of the honest set-ups."""
    with serving_backend() as backend, serving(Proxy(backend, honest.variant.all)) as address:
        yield address


def accused(report: Report) -> dict[str, str]:
    """What the kit holds against the service, or could not test."""
    allowed = (Verdict.PASS, Verdict.UNSUPPORTED)
    return {e.requirement.id: e.worst.message for e in report.entries if e.verdict not in allowed}


@pytest.mark.parametrize("variant", honest.variant.all, ids=lambda v: v.name)
def test_an_honest_set_up_is_not_accused(
    variant: Mutant, honest_backends: str, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strict, by the requirements that would accuse it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    address = f"{honest_backends}/{variant.name}"
    report = judge(address, *QUICK[variant.name], config=str(CONFIG), strict=True)
    assert accused(report) == {}
    assert report.exit_code == 0
    outages = [note for note in report.notes if note.startswith("Outages:")]
    assert bool(outages) is (variant.name == "restarts-once")


@pytest.mark.extended
def test_new_runs_of_others_are_seen_at_either_end(
    honest_backends: str, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list with the oldest first shows them on its last page: it does not contradict itself."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    report = judge(f"{honest_backends}/busy-tenant", "HTTP-09", config=str(CONFIG))
    assert accused(report) == {}


@pytest.mark.extended
@pytest.mark.parametrize("variant", honest.variant.all, ids=lambda v: v.name)
def test_the_whole_gate_accuses_no_honest_set_up(
    variant: Mutant, honest_backends: str, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strict, apart from generated tests."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    report = judge(
        f"{honest_backends}/{variant.name}", config=str(CONFIG), strict=True, exclude=("FUZZ-*",)
    )
    failed = (Verdict.VIOLATION, Verdict.DEVIATION, Verdict.ERROR)
    assert {e.requirement.id: e.worst.message for e in report.entries if e.verdict in failed} == {}
    # 160 requirements take about 1,200; a run that can be read later only is asked for again.
    assert sum(r.requests for e in report.entries for r in e.results) < 2_000


def test_a_lag_within_the_limit_is_measured() -> None:
    """What matches at first does not lag; what never does is reported as it was read last."""
    settling = Settling(limit=1.0)
    values = iter([1, 2, 3])
    read = settling.read("it lags", lambda: next(values), lambda v: None if v == 2 else "not yet")
    assert read == (2, None)
    assert settling.read("other", lambda: 1, lambda v: None) == (1, None)
    assert settling.read("never", lambda: 1, lambda v: "wrong", limit=0.0) == (1, "wrong")
    assert list(settling.seen) == ["it lags"]
    assert settling.notes[0].startswith("Observation: it lags up to 0.")


@pytest.mark.parametrize(("needed", "fault"), [(3, None), (4, "not yet")])
def test_a_slow_read_shows_what_was_there_when_it_began(
    monkeypatch: pytest.MonkeyPatch, needed: int, fault: str | None
) -> None:
    """Reads of 0.7 s begin after 0, 0.8 and 1.6 s: of these the last is after the limit of 1 s."""
    now = 100.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock = SimpleNamespace(monotonic=lambda: now, sleep=wait)
    monkeypatch.setattr("conformance.harness.settling.time", clock)
    values = iter(range(1, 9))

    def read() -> int:
        wait(0.7)
        return next(values)

    settling = Settling(limit=1.0)
    value, why = settling.read("it lags", read, lambda v: None if v >= needed else "not yet")
    assert (value, why) == (3, fault)
