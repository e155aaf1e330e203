"""How runs are got, for people: a line for each state, with the reason where there is no run."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from conformance.provision.protocol import DERIVED
from conformance.results.events import SetUp


def set_up(event: SetUp, *, whole: bool) -> Iterator[Text]:
    """The lines; those of states that are provided, or made by the kit itself, if it is the `whole`
    that is wanted."""
    yield Text(f"runs are provided by: {event.provisioner}")
    for state, why in event.states.items():
        word, style = ("no", "dim") if why else ("yes", "green")
        if state in event.failed:
            word, style = "failed", "bold magenta"
        elif why and state in DERIVED:
            word = "made"
        if whole or word in ("no", "failed"):
            line = Text(f"  {state.value:14}").append(f"{word:8}", style).append(why, style)
            line.rstrip()
            yield line
