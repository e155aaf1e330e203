"""The kit proves itself on a second implementation: variants of the Flask backend, each with one
fault in its code, in real time."""

from __future__ import annotations

import pytest
from backing import CONFIG, KEYS, serving_backend
from cast import Judge
from liars.backend import BACKENDS, BackendLiar

from conformance.vocabulary import Verdict


@pytest.mark.parametrize("liar", [pytest.param(liar, id=liar.name) for liar in BACKENDS])
def test_a_broken_backend_is_caught(
    liar: BackendLiar, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the requirement that its fault breaks."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving_backend(liar.name) as address:
        report = judge(address, *liar.requirements, config=str(CONFIG), patience="5s")
    caught = {Verdict.VIOLATION, Verdict.DEVIATION}
    found = {entry.requirement.id for entry in report.entries if entry.verdict in caught}
    assert found == set(liar.requirements), [e.worst.message for e in report.entries]
