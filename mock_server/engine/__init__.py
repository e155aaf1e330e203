"""The lifecycle of runs: scenarios, behaviours, events, the clock and seeded randomness."""
