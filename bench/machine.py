"""The machine that is measured on: which core serves, which ones load it, and what runs there."""

import os
import platform
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).parent.parent
PACKAGES = ("connexion", "starlette", "uvicorn", "uvloop", "httptools", "orjson")
TOOLS = {"taskset": "util-linux", "wrk": "wrk"}


@dataclass(frozen=True, slots=True)
class Cores:
    """``server`` is the core every server is pinned to, ``load`` those of whatever loads it."""

    server: int
    load: tuple[int, ...]

    @classmethod
    def split(cls) -> "Cores":
        """The first core that this process may use for the server, all others for the load."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(first, tuple(others) or (first,))

    def stay_off(self) -> None:
        """Keep this process, and what it starts without a pin of its own, off the server's core."""
        os.sched_setaffinity(0, self.load)

    def __str__(self) -> str:
        load = ", ".join(map(str, self.load))
        shared = "; THEY SHARE IT: not comparable" if self.server in self.load else ""
        return f"server on core {self.server}, load on core {load}{shared}"


def require(*names: str) -> None:
    """Raises BenchError for a program that is not installed."""
    for name in names:
        if shutil.which(name) is None:
            raise BenchError(f"{name} is not installed: apt-get install {TOOLS[name]}")


def raise_file_limit(wanted: int) -> None:
    """Let this process and its children hold ``wanted`` open files. Raises BenchError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(
            f"{wanted} open files are needed and the hard limit is {hard}: "
            f"raise it with ulimit -Hn {wanted}, or open fewer streams"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe(cores: Cores, *more: str) -> str:
    """The command, versions and cores that stand over a measurement; ``more`` joins the
    versions."""
    command = " ".join(["python -m bench", *sys.argv[1:]])
    busy, _, _ = os.getloadavg()
    return "\n".join(
        [
            f"$ {command}",
            f"automation-runs-kit {version('automation-runs-kit')} at {_commit()}; "
            f"{platform.python_implementation()} {platform.python_version()}",
            ", ".join([*(f"{name} {version(name)}" for name in PACKAGES), *more]),
            f"{_processor()}, {os.cpu_count()} cores: {cores}; load average before: {busy:.1f}",
        ]
    )


def first_line(*command: str) -> str:
    """The first line that ``command`` prints, on either channel."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout.partition("\n")[0].strip()


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "an unknown commit"
    commit = first_line(git, "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = first_line(git, "-C", str(ROOT), "status", "--porcelain", "-uno", "mock_server")
    return f"{commit} with changes" if changed else commit


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
