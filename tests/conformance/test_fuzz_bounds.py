"""The process of the fuzzer is bounded like the kit, and does not outlive it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import requests
from hostile import Hostile, response, says
from peak_memory import noted, noting_memory

from conformance.fuzz import child

COMMAND = [sys.executable, "-m", "conformance", "run", "--token", "test-fuzz-bounds"]
ONLY = ["--include", "FUZZ-EXAMPLES-LIST"]


def bomb(mib: int) -> bytes:
    """A body of a few kilobytes that becomes so many MiB of JSON white space."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join([*(packer.compress(b" " * 1024 * 1024) for _ in range(mib)), packer.flush()])


def test_a_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond the limit is replaced; those within it are read as they are."""
    monkeypatch.setattr(requests.Response, "content", requests.Response.content)
    monkeypatch.setattr(child, "MAX_BODY", 3 * 1024 * 1024)
    monkeypatch.setattr(child, "_MAX_ALL_BODIES", 1024 * 1024)
    monkeypatch.setattr(child, "_MAX_LATER_BODY", 1024)
    child.bound_bodies()

    def read(mib: int) -> bytes:
        with Hostile(says(response(bomb(mib), b"Content-Encoding: gzip"))) as server:
            return requests.get(f"http://127.0.0.1:{server.port}", timeout=10).content

    assert read(4) == child.TOO_LARGE.encode()
    assert read(2) == b" " * 2 * 1024 * 1024
    assert read(1) == child.TOO_LARGE.encode()


@pytest.mark.extended
def test_a_bomb_for_the_fuzzer_is_a_finding(mock: str, tmp_path: Path) -> None:
    """Only the fuzzer gets it. The finding names the size, and memory stays bounded."""
    good = int(mock.rpartition(":")[2])
    packed = response(bomb(3000), b"Content-Encoding: gzip")

    def act(server: Hostile, client: object, head: bytes) -> None:
        if b"schemathesis" in head.lower():
            says(packed)(server, client, head)  # type: ignore[arg-type]
        else:
            server.relay(client, head)  # type: ignore[arg-type]

    file = tmp_path / "report.json"
    with Hostile(act, good) as server:
        words = ["--base-url", f"http://127.0.0.1:{server.port}", "--json", str(file), *ONLY]
        memory = tmp_path / "memory"
        command = [*noting_memory(memory), *COMMAND[3:], *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    (entry,) = json.loads(file.read_text())["requirements"]
    assert entry["verdict"] == "violation"
    assert "exceeds 32 MiB" in entry["message"]
    assert noted(memory) < 600 * 1024


@pytest.mark.extended
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_fuzzer_does_not_outlive_the_kit(
    number: signal.Signals, mock: str, tmp_path: Path
) -> None:
    """Whatever ends the kit; where it can, it removes its temporary files."""
    variables = os.environ | {"TMPDIR": str(tmp_path)}
    words = ["--base-url", mock, "--fuzz", "2000", *ONLY]
    with subprocess.Popen([*COMMAND, *words], env=variables, stdout=subprocess.DEVNULL) as kit:
        children = _children(kit.pid)
        while not children and kit.poll() is None:
            children = _children(kit.pid)
        assert children
        kit.send_signal(number)
        kit.wait(timeout=60)
    for pid in children:
        _wait_for_end(pid)
    if number is signal.SIGTERM:
        assert kit.returncode == 130
        assert list(tmp_path.iterdir()) == []


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
            words = (entry.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"schemathesis" in words:
            found.append(int(entry.parent.name))
    return found


def _wait_for_end(pid: int) -> None:
    file = Path(f"/proc/{pid}")
    with subprocess.Popen(["tail", "--pid", str(pid), "-f", "/dev/null"]) as waiting:
        assert waiting.wait(timeout=30) == 0
    assert not file.exists()
