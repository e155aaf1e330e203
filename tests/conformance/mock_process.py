"""Mocks, most of them in processes of their own, and worlds in them that answer the open questions
in a given way."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import yaml

from mock_server.engine.behaviour import BehaviourFile
from mock_server.testing import serving

FIXTURES = Path(__file__).parents[2] / "fixtures"
QUESTIONS: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(
    (FIXTURES / "questions.yaml").read_text(encoding="utf-8")
)
DEFAULTS = {number: next(iter(question["answers"])) for number, question in QUESTIONS.items()}


@contextmanager
def serving_mock(*options: str) -> Iterator[str]:
    """Serve a mock for as long as the block lasts; gives its address."""
    command = [sys.executable, "-m", "mock_server", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"Start page\s+(http://\S+?)/?$", line.strip()):
                break
        else:
            raise RuntimeError("the mock did not start")
        try:
            yield found[1]
        finally:
            process.terminate()


def behave(mock: str, world: str, answers: Mapping[str, str]) -> None:
    """Have this world answer so; Q08 is not its matter, since who has no credential has no
    world."""
    answer = httpx2.put(
        f"{mock}/_mock/behaviour",
        params={"world": world},
        headers={"X-API-Key": world},
        json={"behaviour": dict(answers)},
        verify=False,
    )
    assert answer.status_code == 200, answer.text


@contextmanager
def playing(answers: Mapping[str, str]) -> Iterator[str]:
    """Serve a mock with these answers, for every client, from a thread of this process, which
    takes a second less to start than another process; yield its address."""
    # Not above: most of those who need this module need no server in their process.
    from mock_server.settings import Settings  # noqa: PLC0415

    behaviour = BehaviourFile(summary="", answers=dict(answers)).behaviour()
    with serving(Settings(behaviour=behaviour)) as address:
        yield address
