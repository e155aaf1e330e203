"""The command ``runs-mock`` as people call it against a running mock."""

import subprocess

from forked import run_forked
from processes import environment

from mock_server.testing import MockWorld

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TOKEN = "correct-horse"
SCENARIO = """\
summary: Two steps
automation: {name: Tidy up}
waits: 1s
steps:
  - key: sweep
    takes: 1s
  - key: mop
    dependsOn: [sweep]
    takes: 1s
"""


def call(*arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, which ends with this exit code."""
    done = run_forked([*map(str, arguments)], environment(variables))
    assert done.returncode == code, done.stderr
    return done


class Driver:
    """The commands, with the environment saying which mock and which world."""

    def __init__(self, world: MockWorld, server: str) -> None:
        self.world = world
        self.variables = {"RUNS_MOCK_URL": server, "RUNS_MOCK_WORLD": world.key}

    def __call__(self, *arguments: object) -> str:
        """What it prints."""
        return call(*arguments, **self.variables).stdout

    def refused(self, *arguments: object) -> str:
        """The one line that it says when it cannot."""
        done = call(*arguments, code=2, **self.variables)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("runs-mock: ")
        return line.removeprefix("runs-mock: ")


def steps(world: MockWorld, run_id: str) -> dict[str, str]:
    """The status of each step."""
    shown = world.client.get(f"/api/v1/automation-runs/{run_id}/steps").json()["steps"]
    return {step["key"]: step["status"] for step in shown}
