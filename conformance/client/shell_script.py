"""Record a sequence of calls as it is made and show it as lines for a shell, to reproduce a fault
that no single request shows."""

from __future__ import annotations

import itertools
import re

from conformance.client.recorder import Exchange, Traffic
from conformance.vocabulary import ROOT

_RUN_ID = re.compile(rf"(?<={ROOT}/)[\w.~-]+")


class ShellScript:
    """The requests sent since the script was begun, as far as they are written down."""

    def __init__(self, traffic: Traffic, base_url: str) -> None:
        self._traffic = traffic
        self._api = base_url + ROOT
        self._lines: list[str] = []
        self._kinds: dict[str, str] = {}
        self._written = traffic.count
        self.last: Exchange | None = None

    def add_run(self, run_id: str, kind: str) -> None:
        """A run of this kind is there."""
        self._kinds[run_id] = f"  # a run that is {kind!r}: put in the id of a fresh one"

    def add_comment(self, text: str) -> None:
        """Describe an event between the calls."""
        self._lines.append(f"# {text}")

    def add_latest(self, more: str = "") -> str:
        """Write down the newest exchange, with something to remark; returns it in words."""
        exchange = self._traffic.since(self._traffic.count - 1)[0]
        self._write(exchange, more)
        return f"{exchange.method} {exchange.url} returned {exchange.status}"

    def add_remaining(self) -> None:
        """Write down the requests that were sent and are not yet written down."""
        for exchange in self._traffic.since(self._written):
            self._write(exchange, "")

    def text(self) -> str:
        """The lines, indented, with names for the address and the runs."""
        runs: dict[str, str] = {}
        lines = [f"API={self._api}"]
        for line in self._lines:
            for run_id in _RUN_ID.findall(line):
                if run_id not in runs:
                    runs[run_id] = f"RUN{len(runs) + 1}"
                    lines.append(f"{runs[run_id]}={run_id}{self._kinds.get(run_id, '')}")
            named = line.replace(self._api, "$API")
            for run_id, name in runs.items():
                named = named.replace(run_id, f"${name}")
            # Within single quotes the shell would not look for names.
            lines.append(re.sub(r"'(\$API[^']*)'", r'"\1"', named))
        return "\n".join(f"  {line}" for line in lines)

    def _write(self, exchange: Exchange, more: str) -> None:
        self._written, self.last = exchange.number, exchange
        line = f"{exchange.curl}  # {exchange.status or exchange.note}{more}"
        # Reading an unchanged resource again says nothing.
        since = itertools.takewhile(_is_read, self._lines[::-1])
        if line not in since:
            self._lines.append(line)


def _is_read(line: str) -> bool:
    return line[0] != "#" and " -X " not in line
