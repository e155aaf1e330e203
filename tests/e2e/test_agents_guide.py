"""The program in the guide for agents prints what the guide shows."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from processes import PATIENCE, environment

GUIDE = Path(__file__).parents[2] / "docs" / "agents.md"


@pytest.mark.extended
def test_the_program_prints_what_is_shown(tmp_path: Path) -> None:
    """With both servers, as their users start them."""
    found = re.search(
        r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$",
        GUIDE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found
    program, shown = found.groups()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment({"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == shown
