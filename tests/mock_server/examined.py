"""A client in the exam within the process of the test, in virtual time.

The client's waits advance a clock that the mock's journal reads, so no time passes and the verdicts
do not depend on how quick the machine is.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mock_server.engine.clock import monotonic
from mock_server.exam import sitting
from mock_server.journal import exchange
from mock_server.testing import MockWorld

EXAMPLE = Path(__file__).parents[2] / "examples" / "pytest_client"
sys.path.insert(0, str(EXAMPLE))

import exam_client  # noqa: E402
import runs_client  # noqa: E402
from runs_client import RunsClient  # noqa: E402

Json = dict[str, Any]
MakeClient = Callable[..., RunsClient]

__all__ = ["Examination", "RunsClient", "VirtualTime", "exam_client", "runs_client"]


class VirtualTime:
    """Seconds that pass only when a client waits, and a little with each look at the clock.

    It is ``real`` where the mock makes a client wait.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seconds = monotonic()
        self.real = False
        for module in (exchange, sitting):
            monkeypatch.setattr(module, "monotonic", self.now)

    def now(self) -> float:
        if self.real:
            return monotonic()
        self._seconds += 1e-6  # Two moments are never the same.
        return self._seconds

    def sleep(self, seconds: float) -> None:
        self._seconds += seconds


class Examination:
    """Sittings of clients in one world."""

    def __init__(self, world: MockWorld, time: VirtualTime) -> None:
        self.world = world
        self.time = time

    def verdict(self, item: str, make_client: MakeClient = RunsClient) -> Json:
        """Return the verdict on a client about an item."""
        self.time.real = item == "ERROR-04"
        sat = self.world.control("exam/sittings", item=item)
        client = make_client(
            sat["baseUrl"],
            sat["token"],
            renew=lambda: self.world.control("exam/credential")["token"],
            timeout=0.3 if item == "REPEAT-03" else 30,
            sleep=self.time.sleep,
        )
        reports = []
        # What a client shows before it crashes, it has shown.
        with suppress(Exception):
            for report in exam_client.reports(client, sat["task"], sat["runId"]):
                reports.append(report)
        client.close()
        if reports:
            self.world.control("exam/reports", reports=reports)
        return self.world.control("exam/verdict", reporting=True)
