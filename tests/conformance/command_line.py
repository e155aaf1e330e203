"""`runs-conformance` in this process, where the boundary of a process proves nothing: another takes
a second to import what is imported here already."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from conformance.cli import main


def call_kit(
    *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> CompletedProcess[str]:
    """Call the command with these words; returns the exit code and what it wrote.

    `environment` is all there is of variables, None for those of the tests; `folder` is where it is
    called, None for where the tests are run."""
    out, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    variables = os.environ.copy() if environment is None else environment
    with (
        mock.patch.dict(os.environ, variables, clear=True),
        mock.patch.object(sys, "argv", ["runs-conformance", *words]),
        chdir(folder or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(error),
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return CompletedProcess(words, code, _written(out), _written(error))


def run(*words: str, **environment: str) -> CompletedProcess[str]:
    """`runs-conformance run` with nothing in its environment but this."""
    return call_kit("run", *words, environment=environment)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
