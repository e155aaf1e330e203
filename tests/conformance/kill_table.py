"""Measure which mutant is killed by the kit, run as its users run it, and by Schemathesis alone,
set up with care, for about as long. `make kill-table` writes docs/kill-table.md.

Each mutant is a job for each tool, in processes of its own; the kit tests only the requirements of
the intended kinds without --whole. Results are kept by the digest of their inputs: an interrupted
run continues, and what has changed since is measured again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock
from typing import Any

import httpx2
from backend_process import CONFIG, KEYS, TOP, serving_backend
from mock_process import serving_mock
from mutants.backend import BACKENDS
from mutating_proxy import Proxy, serving
from rich.progress import Progress
from support import MODULES, MUTANTS, SLOW

DOC = TOP / "docs" / "kill-table.md"
KEPT = TOP / "build" / "kill-table.json"
SCHEMATHESIS = Path(__file__).parent / "kill_table.toml"
JUDGES = ("kit", "schemathesis")
# Each job is forked from a process that has loaded its tool: loading takes a fifth of a job.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "__main__",
        "conformance.cli.run",
        "schemathesis.cli.commands.run.executor",
        "schemathesis.engine.run",
        "schemathesis.specs.openapi.schemas",
    ]
)
WIDTH = 6
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One server to be judged: `named` are the requirements that it breaks; none: it is honest."""

    name: str
    named: tuple[str, ...]
    given: tuple[tuple[str, str], ...] = ()

    @property
    def on_backend(self) -> bool:
        """Whether it is the Flask backend, and not the mock."""
        return self.name.startswith("backend")

    @property
    def is_slow(self) -> bool:
        """Whether it takes more than half a minute, so that it has to begin early."""
        return self.on_backend or SLOW in self.named


SOURCES = {mutant.name: str(module.__file__) for module in MODULES for mutant in module.mutant.all}
JOBS = [
    Job("mock", ()),
    Job("backend", ()),
    *(Job(mutant.name, mutant.requirements, tuple(mutant.given.items())) for mutant in MUTANTS),
    *(Job(mutant.name, mutant.requirements) for mutant in BACKENDS),
]


@contextmanager
def served(job: Job, proxy: str) -> Iterator[tuple[str, list[str], str]]:
    """The job's server: its address, what the kit is reported beyond that, and a credential."""
    if job.on_backend:
        with serving_backend("" if job.name == "backend" else job.name) as address:
            yield address, ["--config", str(CONFIG)], KEYS["BACKEND_KEY"]
    else:
        given = dict(job.given)
        world = f"test-{job.name}"
        words = [f"--{given.pop('by', 'token').replace('_', '-')}", world]
        for name, value in given.items():
            words += [f"--{name.replace('_', '-')}", value]
        # The honest mock has the proxy before it as well, where no mutant has its name.
        yield f"{proxy}/{job.name}", words, f"{world}-alone"


def run(
    module: str, words: Sequence[str], output: Path, folder: Path, variables: Mapping[str, str]
) -> str:
    """Run a module as a command with these options, in a process of its own; return its output."""
    process = FORKS.Process(target=_command, args=(module, words, output, folder, variables))
    process.start()
    process.join()
    return output.read_text(encoding="utf-8")


def _command(
    module: str, words: Sequence[str], output: Path, folder: Path, variables: Mapping[str, str]
) -> None:
    os.chdir(folder)
    os.environ.update(variables)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with output.open("w") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def kit(job: Job, address: str, words: Sequence[str], home: Path, *, whole: bool) -> Found:
    """Return the requirements that the kit reports, and how long it took."""
    file = home / f"{job.name}.json"
    file.unlink(missing_ok=True)
    words = ["run", "--quiet", "--json", str(file), "--base-url", address, *words]
    if not whole:
        kinds = dict.fromkeys(requirement.rpartition("-")[0] for requirement in job.named)
        words += [word for kind in kinds for word in ("--include", f"{kind}-*")]
    start = time.monotonic()
    errors = run("conformance", words, home / f"{job.name}.txt", home, KEYS)
    if not file.exists():
        raise RuntimeError(f"{job.name}: the kit has written no report: {errors}")
    report = json.loads(file.read_text(encoding="utf-8"))
    broken = [e["id"] for e in report["requirements"] if e["verdict"] in ("violation", "deviation")]
    tried = [e for e in report["requirements"] if e["verdict"] != "inconclusive"]
    return {"kit": broken, "tried": len(tried), "kitSeconds": round(time.monotonic() - start)}


def schemathesis(job: Job, address: str, credential: str, home: Path) -> Found:
    """What Schemathesis says: the checks that failed, each with the operation it failed at."""
    home = home / job.name
    home.mkdir(exist_ok=True)
    text = SCHEMATHESIS.read_text(encoding="utf-8").replace("CREDENTIAL", credential)
    (home / "schemathesis.toml").write_text(text, encoding="utf-8")
    if job.on_backend:
        with httpx2.Client(headers={"X-API-Key": credential}) as client:
            for automation in 8 * ("succeeds", "fails", "fails_once", "pending"):
                client.post(f"{address}/internal/trigger", json={"automation": automation})
    words = ["--no-color", "--config-file", "schemathesis.toml", "run", str(TOP / "openapi.yaml")]
    words += ["--url", address, "--checks", "all", "--continue-on-failure"]
    words += ["--report", "ndjson", "--report-ndjson-path", "events.ndjson"]
    start = time.monotonic()
    run("schemathesis.cli", words, home / "output.txt", home, {})
    with (home / "events.ndjson").open(encoding="utf-8") as lines:
        failed = sorted(set(failures(lines)))
    return {"schemathesis": failed, "schemathesisSeconds": round(time.monotonic() - start)}


def failures(lines: Iterable[str]) -> Iterator[str]:
    """Each failed check as `check at METHOD /path`, from the record of a run."""
    for event in map(json.loads, lines):
        recorder = event.get("ScenarioFinished", {}).get("recorder", {})
        for case_id, checks in recorder.get("checks", {}).items():
            case = recorder["cases"][case_id]["value"]
            path = case["path"].removeprefix("/api/v1/automation-runs") or "/"
            for check in checks:
                if check["status"] == "failure":
                    yield f"{check['name']} at {case['method']} {path}"


def judged(job: Job, judge: str, proxy: str, home: Path, *, whole: bool) -> Found:
    """Return what one tool reports of a server or world of its own."""
    with served(job, proxy) as (address, words, credential):
        if judge == "kit":
            return kit(job, address, words, home, whole=whole)
        # What a mutant remembers of the one tool does not concern the other.
        own = address if job.on_backend else f"{address}+alone"
        return schemathesis(job, own, credential, home)


def digest(job: Job, judge: str, *, whole: bool) -> str:
    """Of what a result depends on: the judge, the server, and the mutant's module. Not of the mock,
    whose answers are held by tests of its own, nor of how the kit is called and shows what it
    found."""
    here = Path(__file__).parent
    files = [TOP / "openapi.yaml"]
    if judge == "kit":
        aside = (TOP / "conformance" / "cli", TOP / "conformance" / "reporters")
        kit_files = (TOP / "conformance").rglob("*")
        files += [f for f in kit_files if not any(f.is_relative_to(part) for part in aside)]
    else:
        files.append(SCHEMATHESIS)
    if job.on_backend:
        files += [
            *(TOP / "examples" / "flask_backend").glob("*.py"),
            here / "mutants" / "backend.py",
        ]
    else:
        files += [here / "mutating_proxy.py", *([Path(SOURCES[job.name])] if job.named else [])]
    made = hashlib.sha256(f"{job.name} {judge} {whole and judge == 'kit'}".encode())
    for file in sorted(f for f in files if f.suffix in (".py", ".yaml", ".toml", ".json")):
        made.update(file.read_bytes())
    return made.hexdigest()[:16]


def collect(
    todo: Sequence[tuple[Job, str]],
    found: Callable[[Job, str, Found], None],
    options: argparse.Namespace,
) -> None:
    """Do what is not done yet, several jobs at a time, as long as there is time to begin one."""
    home = KEPT.parent / "kill-table"
    home.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * options.minutes

    def do(job: Job, judge: str) -> None:
        if time.monotonic() < until:
            found(job, judge, judged(job, judge, proxy, home, whole=options.whole))

    with ExitStack() as stack:
        mock = stack.enter_context(serving_mock())
        proxy = stack.enter_context(serving(Proxy(mock, MUTANTS)))
        progress = stack.enter_context(Progress())
        task = progress.add_task("mutants", total=len(todo))
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        for future in as_completed([pool.submit(do, *one) for one in todo]):
            future.result()
            progress.advance(task)


def main() -> None:
    """The command."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    # They wait for their servers half of the time.
    jobs_help = "number of parallel jobs (%(default)s)"
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1), help=jobs_help)
    parser.add_argument("--only", default="*", help="only mutants that match; print the page")
    parser.add_argument(
        "--minutes",
        type=float,
        default=600,
        help="start no job after this; the page lists the rest",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="test all requirements against each mutant; the page says so",
    )
    parser.add_argument(
        "--judge", choices=JUDGES, help="run only this tool now; the page needs both"
    )
    options = parser.parse_args()
    jobs = [job for job in JOBS if not job.named or fnmatchcase(job.name, options.only)]
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    of = {(job, judge): digest(job, judge, whole=options.whole) for job in JOBS for judge in JUDGES}
    results = {one: kept[key] for one, key in of.items() if key in kept}
    keeping = Lock()

    def found(job: Job, judge: str, result: Found) -> None:
        with keeping:
            results[job, judge] = result
            KEPT.parent.mkdir(exist_ok=True)
            text = json.dumps({of[one]: found for one, found in results.items()}, indent=1)
            KEPT.write_text(text, encoding="utf-8")

    mine = [options.judge] if options.judge else JUDGES
    todo = [(job, judge) for job in jobs for judge in mine if (job, judge) not in results]
    todo.sort(key=lambda one: not one[0].is_slow)
    collect(todo, found, options)
    done = {
        job.name: results[job, "kit"] | results[job, "schemathesis"]
        for job in JOBS
        if all((job, judge) in results for judge in JUDGES)
    }
    text = table(jobs, done, whole=options.whole)
    if options.only == "*":
        DOC.write_text(text, encoding="utf-8")
        print(f"written: {DOC.relative_to(TOP)}")
    else:
        print(text)
    sys.exit(bool(survivors(jobs, done)))


def survivors(jobs: Sequence[Job], done: Mapping[str, Found]) -> list[str]:
    """The mutants that a requirement they are named for did not catch."""
    return [j.name for j in jobs if j.name in done and set(j.named) - set(done[j.name]["kit"])]


def table(jobs: Sequence[Job], done: Mapping[str, Found], *, whole: bool) -> str:
    """The document."""
    noise = {kind: done.get(kind, {}).get("schemathesis", []) for kind in ("mock", "backend")}
    rows, caught, alone = [], 0, 0
    left: list[str] = []
    for job in jobs:
        if not job.named:
            continue
        if job.name not in done:
            left.append(job.name)
            rows.append(f"| {job.name} | {', '.join(job.named)}: not tested yet | | |")
            continue
        found = done[job.name]
        caught += bool(set(job.named) & set(found["kit"]))
        others = [r for r in found["kit"] if r not in job.named]
        news = [f for f in found["schemathesis"] if f not in noise[side(job)]]
        alone += bool(news)
        rows.append(
            f"| {job.name} | {shown(job.named, found['kit'])} | {few(others)} | {few(news)} |"
        )
    honest = [
        f"| {title} | {done[kind]['tried']} requirements tested, {alarms(done[kind]['kit'])} |"
        f" {alarms(noise[kind])} |"
        for kind, title in (("mock", "the mock"), ("backend", "the Flask backend"))
        if kind in done
    ]
    remarks = ""
    if missed := survivors(jobs, done):
        remarks += f"Survived an intended requirement: {', '.join(missed)}.\n\n"
    if left:
        remarks += f"Not tested yet: {len(left)} mutants; the same command continues with them.\n\n"
    return TEMPLATE.format(
        tested=len(rows) - len(left),
        backends=len([j for j in jobs if j.named and j.on_backend and j.name in done]),
        caught=caught,
        alone=alone,
        scope=WHOLE if whole else OWN,
        remarks=remarks,
        honest="\n".join(honest),
        rows="\n".join(rows),
    )


def side(job: Job) -> str:
    """Whose false alarms are to be taken off."""
    return "backend" if job.on_backend else "mock"


def shown(named: Iterable[str], found: Sequence[str]) -> str:
    """The requirements a mutant is named for; struck out where they did not catch it."""
    return ", ".join(r if r in found else f"~~{r}~~" for r in named)


def few(words: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = f" and {len(words) - WIDTH} more" if len(words) > WIDTH else ""
    return (", ".join(words[:WIDTH]) + more) or "-"


def alarms(words: Sequence[str]) -> str:
    """How many, and which."""
    return f"{len(words)} false alarms" + (f": {', '.join(words)}" if words else "")


WHOLE = "All requirements were tested."
OWN = """Of each
  mutant the requirements of the intended kinds were tested (such as all of `LIST`): testing the
  others too adds failed requirements and removes none."""
TEMPLATE = """# Kill table

A mutant is a server with one deliberate fault: the mock with a proxy that changes its responses,
or (`backend-...`) the Flask backend with a fault in its code. `make kill-table` runs the kit and
Schemathesis against each mutant and writes this page, in 13 minutes on two cores, and resumes if
interrupted.

- **The kit**: `runs-conformance run --base-url ... --token ...`. {scope}
- **Schemathesis alone**: `schemathesis run openapi.yaml --url ... --checks all`, all four phases,
  8 cases per operation: 20 killed one mutant more. The configuration
  contains the credential, the limits of streams and the status codes that a retry may return
  ([kill_table.toml](../tests/conformance/kill_table.toml)). A mutant counts as killed if a check
  fails at an operation where it does not fail against the unchanged server.

| | killed, of {tested} mutants ({backends} of them backends) |
| --- | --- |
| the kit, by an intended requirement | {caught} |
| Schemathesis alone | {alone} |

{remarks}On unchanged servers:

| | the kit | Schemathesis alone |
| --- | --- | --- |
{honest}

Every mutant with the requirements that are intended to kill it (struck out: they did not), other
requirements that fail, and the failures that Schemathesis reports:

| mutant | killed by | also failing | Schemathesis alone |
| --- | --- | --- | --- |
{rows}
"""

if __name__ == "__main__":
    main()
