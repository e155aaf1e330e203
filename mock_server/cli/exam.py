"""``runs-mock exam``: the verdict on a client."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mock_server.cli.options import BaseUrl, Duration, GroupedOptions
from mock_server.cli.remote import Remote, Target
from mock_server.cli.text import echo
from mock_server.engine.clock import SECOND
from mock_server.errors import UsageError, unknown_name
from mock_server.exam.catalogue import Item, Task, catalogue, select
from mock_server.exam.client_command import ClientCommand
from mock_server.exam.examination import Examination, Limits
from mock_server.exam.results import ExamResults, Result
from mock_server.exam.verdict import Outcome
from mock_server.testing import serving

_FORMATS = ("json", "junit", "html", "markdown")
_GROUPS = {
    "Client": "client tasks",
    "Selection": "only strict",
    "Look up": "list_items explain",
    "Time": "patience quiet workers",
    "Mock": "url world token",
    "Reports": " ".join(_FORMATS),
    "Output": "only_failures help",
}


def _report_option(kind: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{kind}",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help=f"Write the report as {kind}. Missing directories are created.",
    )


@click.command(cls=GroupedOptions, groups=_GROUPS)
@click.option(
    "--client",
    metavar="COMMAND",
    envvar="RUNS_MOCK_EXAM_CLIENT",
    help="Command that starts the client, with {task}, {base_url}, {token}, {run_id}, "
    "{credential_url}, {reports_url} and {item}.",
)
@click.option(
    "--tasks",
    metavar="TASKS",
    help=f"What the client can do, separated by commas: {', '.join(Task)}. Default: all where "
    "the command has {task}, otherwise follow.",
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only items with such an id.")
@click.option(
    "--strict", is_flag=True, help="A SHOULD that fails, and what is not judged, fails the exam."
)
@click.option("--list", "list_items", is_flag=True, help="List the items.")
@click.option("--explain", metavar="ID", help="Show an item: its situation, reason and judgement.")
@click.option(
    "--patience", type=Duration(), default="60s", show_default=True, help="Longest time of an item."
)
@click.option(
    "--quiet-after",
    "quiet",
    type=Duration(),
    default="10s",
    show_default=True,
    help="End a client that does nothing for this time.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Number of clients at a time.",
)
@click.option(
    "--url",
    type=BaseUrl(),
    help="A running mock to use instead of starting one.",
    envvar="RUNS_MOCK_URL",
)
@click.option(
    "--world",
    metavar="NAME",
    default="test-exam",
    show_default=True,
    help="Beginning of the names of its worlds, one for each item.",
)
@click.option(
    "--token", metavar="TOKEN", envvar="RUNS_MOCK_CONTROL_TOKEN", help="Its control token."
)
@_report_option("json")
@_report_option("junit")
@_report_option("html")
@_report_option("markdown")
@click.option("-q", "--quiet", "only_failures", is_flag=True, help="Show only what failed.")
@click.pass_context
def exam(context: click.Context, /, **given: Any) -> None:
    """Judge a client: set up situations in worlds of a mock, let the client do its task in each,
    and judge its requests and what it reports to show.

    \b
    runs-mock exam --list
    runs-mock exam --explain STREAM-01
    runs-mock exam --client 'node client.mjs {base_url} {token} {run_id}'
    runs-mock exam --client 'python client.py {task} {base_url} {token} {run_id}' \\
      --only 'STREAM-*' --junit exam.xml --html exam.html

    The client prints a line of JSON for what it shows, such as {"shown": "event", "id": "4",
    "event": "step.completed"}; docs/exam.md describes the reports. Without them, the items that
    need them are not judged.

    Exit codes: 0 passed, 1 failed, 2 no verdict (usage, mock not reachable, nothing judged), 130
    interrupted.
    """
    if given["explain"] is not None:
        _explain(given["explain"])
        return
    try:
        items = select(given["only"])
    except UsageError as error:
        raise UsageError(f"--only: {error}") from None
    if given["list_items"]:
        _list(items)
        return
    if given["client"] is None:
        raise UsageError("--client: expected a command that starts the client, got none")
    command = ClientCommand(given["client"])
    tasks = _tasks(given["tasks"])
    files = {kind: given[kind] for kind in _FORMATS if given[kind] is not None}
    for kind, path in files.items():
        _write(kind, path, "")
    results = ExamResults(given["client"], strict=given["strict"])
    limits = Limits(given["patience"] / SECOND, given["quiet"] / SECOND)
    with _interrupted_by_sigterm(), _mock(given["url"]) as url:
        examination = Examination(
            command,
            lambda world: Remote(Target(url, world, given["token"])),
            world=given["world"],
            tasks=tasks,
            limits=limits,
        )
        examination.run(
            items,
            results,
            lambda result: _show(result, results, only_failures=given["only_failures"]),
            given["workers"],
        )
    echo(results.summary)
    for kind, path in files.items():
        module = import_module(f"mock_server.exam.reports.{kind}")
        _write(kind, path, module.render(results))
    context.exit(results.exit_code)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the clients, too, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _mock(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
    else:
        with serving() as started:
            yield started


def _tasks(text: str | None) -> list[Task]:
    """Return the tasks in the option; none without it. Raise UsageError."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in set(Task):
            raise UsageError(f"--tasks: {unknown_name('task', name, Task)}")
    return [Task(name) for name in names]


def _list(items: list[Item]) -> None:
    for item in items:
        echo(f"{item.id:<11}  {item.level:<6}  {item.statement}")


def _explain(name: str) -> None:
    item = catalogue().get(name.upper())
    if item is None:
        raise UsageError(f"--explain: {unknown_name('item', name, catalogue())}")
    rows = (
        ("level", item.level),
        ("statement", item.statement),
        ("reason", item.reason),
        ("situation", item.meets),
        ("task", f"{item.task}: {item.task.instruction}"),
        ("judged from", f"the client's {item.judged_from}"),
    )
    echo(item.id)
    for label, text in rows:
        echo(f"  {label:<11}  {text}")


def _show(result: Result, results: ExamResults, *, only_failures: bool) -> None:
    outcome = result.verdict.outcome
    hidden = outcome in (Outcome.PASSED, Outcome.NOT_JUDGED) and not results.is_failure(result)
    if only_failures and hidden:
        return
    echo(f"{outcome:<10}  {result.item.id:<11}  {result.item.level:<6}  {result.verdict.reason}")
    if outcome is not Outcome.PASSED:
        for line in result.output.splitlines()[-3:]:
            echo(f"            | {line}")


def _write(kind: str, path: Path, text: str) -> None:
    """Write a report. Raise UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if text or not path.exists():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            with contextlib.closing(path.open("a", encoding="utf-8")):
                pass
    except OSError as error:
        raise UsageError(f"--{kind} {path}: cannot be written: {error.strerror}") from None
