"""Runs that arrive by themselves: a Poisson process on the world's clock."""

from mock_server.engine.clock import MINUTE
from mock_server.engine.randomness import SeededRandom
from mock_server.engine.scenario import Scenario


class Arrivals:
    """``per_minute`` runs on average of the scenarios in ``mix``, each with its weight.

    ``next_at`` is the instant of the next one.
    """

    def __init__(
        self,
        per_minute: float,
        mix: list[tuple[Scenario, float]],
        rng: SeededRandom,
        now: int,
        next_at: int | None = None,
    ) -> None:
        """Draw the first arrival, unless ``next_at`` sets it."""
        self.per_minute = per_minute
        self.mix = mix
        self._chance = rng
        self.next_at = now + self._gap(now) if next_at is None else next_at

    def take(self) -> Scenario:
        """Return the scenario of the run that arrives now, and draw the next arrival."""
        weights = [weight for _, weight in self.mix]
        scenario, _ = self._chance.one_of(self.mix, weights, self.next_at, "scenario")
        self.next_at += self._gap(self.next_at)
        return scenario

    def _gap(self, after: int) -> int:
        return max(1, round(self._chance.generator(after).expovariate(self.per_minute / MINUTE)))
