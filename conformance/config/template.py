"""Render a configuration file with every key explained and, except base_url, commented out. Keys
are commented as `#key = value`, explanations as `# text`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from conformance.config.options import OPTIONS
from conformance.config.sources import Setting

_HEAD = """\
# Settings of runs-conformance in this directory. Precedence: command line, environment
# (RUNS_CONFORMANCE_BASE_URL), this file.
#
# Credentials are not written here: token_env names the environment variable that holds the token.
# Paths are relative to the working directory.
"""
_TABLES = {
    "connection": "How to connect to the target.",
    "states": "Your own runs, by state: an id, or a list of ids, each of which is used once. "
    "See: runs-conformance states",
    "trigger": "A request that creates a run: {state} stands for its state. 404 and 422 mean that "
    "the state is not supported.",
    "command": "An executable, in any language, that creates a run.",
    "clock": "For a backend whose clock can be moved, so that the kit does not wait in real time.",
    "reports": "Report files, in addition to the terminal output.",
}
_WAIVERS = """\
# Known failures that are tolerated until a date. A failure of these requirements has the verdict
# "waived". An expired or unused waiver is an error (exit code 2).
#[[waivers]]
#requirements = ["CANCEL-0[67]"]
#reason = "Races are fixed in 2.4: TICKET-17"
#owner = "platform team"
#expires = 2099-12-31
"""


def template() -> str:
    """Return the text of the file."""
    parts = [_HEAD]
    tables: dict[str, list[Setting]] = {}
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


def _explained(option: Setting) -> Iterator[str]:
    default = f" Default: {option.default}." if isinstance(option.default, str) else ""
    yield from _comment(f"{option.help}{default}")
    yield _assignment(option)


def _assignment(option: Setting) -> str:
    example = option.example or str(option.default)
    key, value = option.place[-1], json.dumps(example)
    if option.pairs:
        key, _, text = example.partition("=")
        value = json.dumps(text)
    elif option.is_flag:
        value = "true"
    elif option.multiple:
        value = f"[{value}]"
    elif option.metavar == "JSON":
        value = f"'{example}'"
    return f"{'' if option.key == 'base_url' else '#'}{key} = {value}"


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, 96, break_on_hyphens=False))
