"""The model of the simulation does what the scripts do on a real server."""

import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("redis")

from valkey_model import ValkeyModel
from valkey_server import ValkeyServer

from mock_server.store import valkey_scripts as scripts

KEY = "world"
LEASE = "60000"
FENCED = (
    scripts.LOAD,
    scripts.APPEND,
    scripts.APPEND_ALWAYS,
    scripts.ROTATE,
    scripts.SNAPSHOT,
    scripts.RENEW,
    scripts.RELEASE,
)


APPENDS = (scripts.APPEND, scripts.APPEND_ALWAYS)


def arguments(rng: Random, script: str, attempt: int) -> list[str]:
    """Arguments after the epoch, of which some are outdated."""
    number = rng.choice(["", str(attempt), str(attempt), str(max(attempt - 3, 0))])
    if script in (scripts.LOAD, scripts.RELEASE):
        return [number, LEASE]
    generation, count = str(rng.randrange(3)), str(rng.randrange(4))
    if script == scripts.SNAPSHOT:
        return [number, LEASE, generation, f"packed {attempt}", "head"]
    records = [f"record {attempt}.{n}" for n in range(rng.randrange(1, 3))]
    shared = ["secret", rng.choice(["", "x", "y"])]
    return [number, LEASE, generation, count, *(records if script in APPENDS else shared)]


def without_times(script: str, reply: list[Any]) -> list[Any]:
    """The reply without the epoch and the times of the server, which are its own."""
    if script == scripts.CLAIM and reply[0] == b"lost":
        assert 0 < reply[-1] <= int(LEASE)
        return reply[:-1]
    timed = script in (scripts.CLAIM, scripts.RENEW) and reply[0] == b"ok"
    return [reply[0], reply[-1]] if timed else reply


def test_the_model_does_what_the_scripts_do(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as server, server.client() as client:
        found: set[bytes] = set()
        for seed in range(12):
            rng = Random(seed)
            client.flushall()
            model = ValkeyModel(lambda: time.time_ns() // 1_000_000)
            epochs = {"model": ["1"], "server": ["1"]}
            for attempt in range(1, 80):
                script = rng.choice([scripts.CLAIM, *FENCED, scripts.APPEND, scripts.APPEND])
                if script == scripts.CLAIM:
                    given = [rng.choice("ab"), LEASE, "http://a", "", "0", "format", "1"]
                    given += ["secret", rng.choice(["", "x", "y"])]
                    replies = [model.eval(script, *given), client.eval(script, 1, KEY, *given)]
                    for side, reply in zip(epochs.values(), replies, strict=True):
                        side.extend([str(reply[1])] if reply[0] == b"ok" else [])
                else:
                    rest = arguments(rng, script, attempt)
                    index = rng.choice([-1, -1, -1, 0])
                    replies = [
                        model.eval(script, epochs["model"][index], *rest),
                        client.eval(script, 1, KEY, epochs["server"][index], *rest),
                    ]
                ours, theirs = (without_times(script, one) for one in replies)
                assert ours == theirs, (seed, attempt, script)
                found.add(ours[0])
        assert found == {b"ok", b"lost", b"late", b"gone"}
