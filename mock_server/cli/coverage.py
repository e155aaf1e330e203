"""``runs-mock coverage``: the parts of the contract that a world's client has used."""

from textwrap import wrap
from typing import Any

import click

from mock_server.cli.remote import Remote, with_remote
from mock_server.cli.text import echo
from mock_server.errors import UsageError

_WIDTH = 100
_KINDS = {"seen": "met", "missing": "missing", "undeclared": "undeclared"}
"""The kinds of values in a part, by their name in the report."""


@click.command()
@click.option("--missing", "only_missing", is_flag=True, help="Only what is missing.")
@click.option("--clear", is_flag=True, help="Count afresh.")
@with_remote
def coverage(mock: Remote, only_missing: bool, clear: bool) -> None:
    """Show which parts of the contract the client has met since the world was opened or reset:
    operations and their statuses and parameters, words that it sent or was shown, events,
    credentials.

    \b
    runs-mock coverage --clear        before the client's tests
    runs-mock coverage                after them
    runs-mock coverage --missing
    """
    if clear and only_missing:
        raise UsageError("--clear shows nothing: --missing does not go with it")
    if clear:
        mock.call("DELETE", "/coverage")
        return
    kinds = {"missing": "missing"} if only_missing else _KINDS
    report = mock.get("/coverage")
    echo(f"{report['world']}: {report['seen']} of {report['of']} parts of the contract met")
    for one in report["operations"]:
        asked = f"requests: {one['requests']}"
        parts = {"statuses": one["statuses"], "parameters": one["parameters"]}
        _print(f"{one['operation']}: {one['method']} {one['path']}, {asked}", parts, kinds)
    sent = {part["name"]: part for part in report["sent"]}
    received = {part["name"]: part for part in report["received"]}
    _print("Sent by the client", {**sent, "credentials": report["credentials"]}, kinds)
    _print("Received by the client", {**received, "events": report["events"]}, kinds)


def _print(title: str, parts: dict[str, dict[str, Any]], kinds: dict[str, str]) -> None:
    """Print the values of each part, one kind per line; print nothing without values."""
    width = max(map(len, parts))
    lines: list[str] = []
    for name, part in parts.items():
        label = name
        for key, kind in kinds.items():
            if part.get(key):
                begin = f"  {label:<{width}}  {kind:<10}  "
                lines += _wrapped(begin, ", ".join(part[key]))
                label = ""
    if lines:
        for line in ("", title, *lines):
            echo(line)


def _wrapped(begin: str, text: str) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
    )
