"""`runs-conformance baseline`: write waivers for the failures of a report."""

from __future__ import annotations

import re
import sys
import time
from calendar import timegm
from pathlib import Path

import click

from conformance.catalogue.requirements import load as load_catalogue
from conformance.config.toml_file import NAME, PYPROJECT, SECTION, find
from conformance.config.waivers import read_waivers
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.results.baseline import Baseline, as_toml, find_baseline, without
from conformance.results.report_diff import read_report
from conformance.results.waivers import Waiver
from conformance.vocabulary import ExitCode

MAX_DAYS = 90
_DAYS = click.IntRange(1, MAX_DAYS)
_DAY = 24 * 60 * 60
_DATE = "%Y-%m-%d"
_TABLE = "waivers"
_LINE = re.compile(r":(\d+): waivers\.")


@click.command(name="baseline")
@click.argument("report", type=Path, metavar="REPORT.json")
@click.option("--config", type=Path, metavar="FILE", help=f"The file to write.  [default: {NAME}]")
@click.option("--owner", help="Who fixes the failures. Asked for in a terminal.")
@click.option("--reason", help="Why they are tolerated. Asked for in a terminal.")
@click.option(
    "--days",
    type=_DAYS,
    help=f"Expire after this many days, at most {MAX_DAYS}. Asked for in a terminal.  "
    f"[default: {MAX_DAYS}]",
)
@click.option("--expires", metavar="DATE", help="Expire on this date, YYYY-MM-DD, however late.")
@click.option("--prune", is_flag=True, help="Remove waivers of a baseline that are not needed.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def baseline_command(
    report: Path,
    config: Path | None,
    owner: str | None,
    reason: str | None,
    days: int | None,
    expires: str | None,
    prune: bool,
    dry_run: bool,
) -> None:
    """Write waivers for the failures in REPORT.json, and show waivers no longer needed.

    \b
    runs-conformance run --json report.json || true
    runs-conformance baseline report.json --owner "platform team" --reason "Before 2.0: TICKET-1"

    Each waiver is about one requirement and expires after 90 days at most, unless --expires gives a
    later date. Deviations are included where the report is strict. Failures that have a waiver
    keep it. Waivers whose requirements all pass are listed; --prune removes those that a baseline
    wrote.

    \b
    Exit codes: 0 done, 2 a file is invalid, or an owner or a reason is missing.
    """
    file = config or Path(NAME)
    content = read_report(report)
    waivers = _waivers(file)
    now = time.gmtime()
    found = find_baseline(content, waivers, time.strftime(_DATE, now))
    text = ""
    if found.added:
        entries = {entry["id"]: entry["statement"] for entry in content["requirements"]}
        text = as_toml(
            {name: entries[name] for name in found.added},
            owner=_asked(owner, "--owner", "Owner of the failures"),
            reason=_asked(reason, "--reason", "Reason to tolerate them"),
            expires=_date(expires) if expires else _after(now, days),
            table=".".join((*SECTION, _TABLE)) if file.name == PYPROJECT else _TABLE,
        )
    if dry_run:
        click.echo(text.lstrip("\n"), nl=False)
    else:
        _update(file, text, found.fixed if prune else ())
    _show(found, file, pruned=prune and not dry_run)


def _waivers(file: Path) -> tuple[Waiver, ...]:
    if not file.is_file():
        return ()
    read = find(str(file), Path())
    errors = ErrorCollector()
    waivers = () if read is None else read_waivers(read, load_catalogue(), errors)
    errors.raise_all()
    return waivers


def _asked(value: str | None, option: str, prompt: str) -> str:
    if value is None and _interactive():
        value = click.prompt(prompt, err=True)
    if value is None or not value.strip():
        raise ConfigurationError(
            f"{option}: expected a text, got none.", f'Give it as {option} "...".'
        )
    return value.strip()


def _after(now: time.struct_time, days: int | None) -> str:
    if days is None:
        question = "Days until the waivers expire"
        ask = _interactive()
        days = click.prompt(question, MAX_DAYS, type=_DAYS, err=True) if ask else MAX_DAYS
    return time.strftime(_DATE, time.gmtime(timegm(now) + days * _DAY))


def _interactive() -> bool:
    return sys.stdin.isatty()


def _date(text: str) -> str:
    try:
        return time.strftime(_DATE, time.strptime(text, _DATE))
    except ValueError:
        raise ConfigurationError(
            f"--expires: expected a date, got {text!r}.", "Write it as 2027-01-31."
        ) from None


def _update(file: Path, added: str, removed: tuple[Waiver, ...]) -> None:
    try:
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        lines = [int(match[1]) for waiver in removed if (match := _LINE.search(waiver.where))]
        after = without(before, lines)
        if added and after and not after.endswith("\n"):
            after += "\n"
        after += added if after else added.lstrip("\n")
        if after != before:
            file.write_text(after, encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"{file}: {fault.strerror}.", "Choose another file.") from None


def _show(found: Baseline, file: Path, *, pruned: bool) -> None:
    click.echo(f"waived now: {', '.join(found.added) or 'none'}", err=True)
    click.echo(f"waived before: {', '.join(found.kept) or 'none'}", err=True)
    for waiver in found.fixed:
        where = waiver.where if not pruned else f"removed from {file}"
        click.echo(f"fixed: {', '.join(waiver.patterns)} ({waiver.owner}, {where})", err=True)
    if found.fixed and not pruned:
        click.echo("Remove the waivers of fixed requirements, or run with --prune.", err=True)
    sys.exit(ExitCode.CONFORMANT)
