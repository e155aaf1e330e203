"""The ownership of one world, as its owner knows it.

The owner decides by its own clock, which need not agree with that of the store: it counts from the
moment at which it sent the request, when the store can only have granted more. Nothing in this
module reads a clock or sends anything, so that a simulation can drive it.
"""

LEASE = 6.0
"""Seconds for which a world has an owner that is silent, by the clock of the store."""

MARGIN = 2.0
"""Seconds before the end of its lease after which an owner no longer trusts it: clocks may run at
different rates, by a third."""

RENEW_AFTER = 1.5
"""Seconds after which a lease is renewed."""


class Lease:
    """The lease of one world, and the end of its log; instants are real seconds of the owner."""

    __slots__ = ("_certain_until", "_renewed_at", "count", "epoch", "generation", "in_doubt")

    def __init__(self, epoch: int, sent: float) -> None:
        """``sent`` is when the claim was sent that the store granted as ``epoch``."""
        self.epoch = epoch
        self.generation: int | None = None
        self.count = 0
        self.in_doubt = False
        self._certain_until = self._renewed_at = sent
        self.granted(sent)

    def granted(self, sent: float) -> None:
        """Note that the store has renewed the lease, asked by a request that was sent then."""
        self._certain_until = max(self._certain_until, sent + LEASE - MARGIN)
        self._renewed_at = max(self._renewed_at, sent)

    def is_certain(self, now: float) -> bool:
        """Return whether no other mock can own the world: what the owner shows is right."""
        return now < self._certain_until

    def is_due(self, now: float) -> bool:
        """Return whether it is time to renew the lease, or to settle a doubt."""
        return self.in_doubt or now >= self._renewed_at + RENEW_AFTER

    def end(self) -> None:
        """Trust the lease no longer, whatever time is left."""
        self._certain_until = float("-inf")

    # The log.

    @property
    def place(self) -> tuple[str, str]:
        """The generation of the log, empty where it is not known, and the number of records."""
        return "" if self.generation is None else str(self.generation), str(self.count)

    def began(self, generation: int) -> None:
        """Note that the log of that generation begins."""
        self.generation, self.count, self.in_doubt = generation, 0, False

    def appended(self, records: int) -> None:
        """Note that the store has these further records, and no other."""
        self.count += records
        self.in_doubt = False

    def doubt(self) -> None:
        """Note that the store may have records that were refused, until they are removed.

        The world may not go on until then: if another mock took it over, it would find them, and
        repeat a command at an instant after which something else was shown.
        """
        self.in_doubt = True
