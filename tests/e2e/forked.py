"""The command ``runs-mock`` in a process of its own, forked from one that has loaded its modules: a
start takes 10 ms instead of 500, with its own arguments, environment, output and exit code."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from processes import PATIENCE

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["mock_server.app", "mock_server.reload", "mock_server.server", "httpx2"]
    + [
        f"mock_server.cli.{file.stem}"
        for file in (Path(__file__).parents[2] / "mock_server" / "cli").glob("[a-z]*.py")
    ]
)


def run_forked(
    arguments: list[str], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Call the command with these arguments and nothing but these variables."""
    with tempfile.TemporaryDirectory() as home:
        process = FORKS.Process(
            target=_command, args=(arguments, dict(variables), str(Path.cwd()), home)
        )
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        outputs = [Path(home, name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
        code = process.exitcode
        process.close()
    return subprocess.CompletedProcess(arguments, code, *outputs)


def _command(arguments: list[str], variables: dict[str, str], folder: str, home: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(home, name), os.O_WRONLY | os.O_CREAT), number)
        setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    from mock_server.cli import main  # noqa: PLC0415

    main(arguments)
