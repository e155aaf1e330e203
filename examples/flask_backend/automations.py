"""The automations that can be triggered: their steps, how long each takes and which of them fail.

They are named after the state that a run of them reaches, so that a test of this service can
ask for exactly what is needed.
"""

from dataclasses import dataclass

ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds` of work once all of `after` have completed; the first `failing` attempts fail."""

    key: str
    name: str
    seconds: float
    after: tuple[str, ...] = ()
    failing: int = 0


@dataclass(frozen=True, slots=True)
class Automation:
    """Steps, each behind all that it depends on; a run waits `queue_seconds` before the first."""

    name: str
    steps: tuple[Step, ...]
    queue_seconds: float = 1.0


def _orders(extract_seconds: float = 2.0, load_failing: int = 0) -> tuple[Step, ...]:
    return (
        Step("extract", "Extract orders", extract_seconds),
        Step("transform", "Clean and join", 2.0, ("extract",)),
        Step("load", "Load into the warehouse", 3.0, ("transform",), load_failing),
        Step("notify", "Notify the sales team", 1.0, ("load",)),
    )


def _prices() -> tuple[Step, ...]:
    return (
        Step("extract", "Extract orders", 2.0),
        Step("prices", "Look up prices", 4.0, ("extract",)),
        Step("stock", "Look up stock", 2.0, ("extract",)),
        Step("report", "Write the report", 2.0, ("prices", "stock")),
    )


AUTOMATIONS = {
    automation.name: automation
    for automation in (
        Automation("succeeds", _orders()),
        Automation("fails", _orders(load_failing=ALWAYS)),
        Automation("fails_once", _orders(load_failing=1)),
        Automation("pending", _orders(), queue_seconds=1200.0),
        Automation("running_long", _orders(extract_seconds=1200.0)),
        Automation("diamond", _prices()),
    )
}
