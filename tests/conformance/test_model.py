"""A sequence of calls that fails is reported as short as possible, as lines for a shell."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence

import httpx2
import pytest
from hypothesis import stateful
from hypothesis.errors import FlakyStrategyDefinition
from support import Judge

from conformance.checks.support.sequences import shortest
from conformance.vocabulary import Verdict


@pytest.mark.parametrize(
    ("fails", "least"),
    [
        (lambda steps: {3, 11} <= set(steps), [3, 11]),
        (lambda steps: steps.count(15) > 0, [15]),
        (lambda steps: len(steps) > 3, [12, 13, 14, 15]),
        (lambda steps: len(steps) == 16, list(range(16))),
    ],
)
def test_nothing_is_left_that_could_be_left_out(
    fails: Callable[[Sequence[int]], bool], least: list[int]
) -> None:
    """Wherever in the sequence it stands."""
    found = shortest(range(16), fails, time.monotonic() + 60)
    assert fails(found)
    assert len(found) == len(least)
    assert not any(fails([*found[:n], *found[n + 1 :]]) for n in range(len(found)) if found[1:])


def test_answers_that_no_sequence_can_be_built_on(
    mock: str, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hypothesis gives up where the possible calls vary from run to run: neither the kit's fault
    nor a failure of the service."""

    def gives_up(*_: object, **__: object) -> None:
        raise FlakyStrategyDefinition("Inconsistent data generation!")

    monkeypatch.setattr(stateful, "get_state_machine_test", gives_up)
    (entry,) = judge(mock, "MODEL-01", token="test-gives-up").entries
    assert entry.verdict is Verdict.INCONCLUSIVE
    assert "no other client changes the runs" in entry.worst.message


def test_time_that_is_up_ends_it() -> None:
    """With what was found by then."""
    assert shortest(range(16), lambda steps: True, time.monotonic() - 1) == list(range(16))


def test_the_calls_can_be_made_again(mock: str, proxy: str, judge: Judge) -> None:
    """The lines are a script for a shell: with the id of a fresh run it shows the fault again,
    which takes two cancels and a retry in between, and nothing else."""
    name, world = "second-cancel-does-not-last", "test-calls"
    (entry,) = judge(f"{proxy}/{name}", "MODEL-01", token=world).entries
    script = "\n".join(re.findall(r"^  (.*)$", entry.worst.message, re.M))
    assert re.findall(r"/(cancel|retry) ", script) == ["cancel", "retry", "cancel"], script
    made = httpx2.post(
        f"{mock}/_mock/runs",
        headers={"X-API-Key": world},
        json={"scenario": "long-queue"},
        verify=False,
    )
    script = re.sub(r"RUN1=\S+", f"RUN1={made.json()['id']}", script)
    script = re.sub(r"  # .*$", "", script, flags=re.M).replace("curl -i", "curl -s")
    reported = subprocess.run(
        ["bash", "-e"],
        input=script,
        env=os.environ | {"TOKEN": world},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.findall(r'"status": ?"(\w+)", ?"tenantId"', reported.stdout)[-1] == "running"
