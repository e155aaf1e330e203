"""Print lines that may repeat data of a target: to a terminal and to the log of a CI job they are
text and nothing else."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from conformance.redaction import harmless


def print_line(console: Console, line: Text) -> None:
    """Print the line without wrapping it: commands must be copied in one piece."""
    plain = harmless(line.plain)
    console.print(line if plain == line.plain else Text(plain, line.style), soft_wrap=True)
