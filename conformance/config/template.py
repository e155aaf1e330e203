"""The text of a configuration file in which every key is explained and, but for the address,
commented out. Keys are commented as `#key = value`, explanations as `# text`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from conformance.config.options import OPTIONS, Option

_HEAD = """\
# What runs-conformance is told in this directory. An option on the command line counts before an
# environment variable (RUNS_CONFORMANCE_BASE_URL), that before this file.
#
# Credentials are not written down here: token_env names the variable of the environment that holds
# the token. Files are named from the directory that the kit is called in.
"""
_TABLES = {
    "connection": "How the target is spoken to.",
    "states": "Runs of your own, by the state they are in: an id, or a list of ids, each of which "
    "is used once. See: runs-conformance states",
    "trigger": "A request that makes a run: {state} stands for the state that is wanted. 404 and "
    "422 say that there are no such runs.",
    "command": "An executable of your own, in any language, that makes a run.",
    "clock": "For a backend whose time can be moved, so that nothing has to be waited for.",
    "reports": "Files to write, beside what the terminal shows.",
}
_WAIVERS = """\
# Known faults, tolerated for a while. What fails among the requirements is then "waived"; a waiver
# whose day is past, or whose requirements all pass, spoils the verdict.
#[[waivers]]
#requirements = ["CANCEL-0[67]"]
#reason = "Races are fixed in 2.4: TICKET-17"
#owner = "platform team"
#expires = 2099-12-31
"""


def template() -> str:
    """The file."""
    parts = [_HEAD]
    tables: dict[str, list[Option]] = {}
    for option in OPTIONS:
        if not option.in_file:
            continue
        table = option.place[0] if len(option.place) > 1 or option.pairs else ""
        if table:
            tables.setdefault(table, []).append(option)
        else:
            parts.append("\n".join(_explained(option)))
    for table, options in tables.items():
        lines = [*_comment(_TABLES.get(table, "")), f"[{table}]"]
        for option in options:
            lines += [_assignment(option)] if option.pairs else _explained(option)
        parts.append("\n".join(lines))
    return "\n\n".join(part.rstrip("\n") for part in [*parts, _WAIVERS]) + "\n"


def _explained(option: Option) -> Iterator[str]:
    default = f" By default {option.default}." if option.default else ""
    yield from _comment(f"{option.help}{default}")
    yield _assignment(option)


def _assignment(option: Option) -> str:
    example = option.example or option.default
    key, value = option.place[-1], json.dumps(example)
    if option.pairs:
        key, _, text = example.partition("=")
        value = json.dumps(text)
    elif option.flag:
        value = "true"
    elif option.many:
        value = f"[{value}]"
    elif option.metavar == "JSON":
        value = f"'{example}'"
    return f"{'' if option.key == 'base_url' else '#'}{key} = {value}"


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, 96, break_on_hyphens=False))
