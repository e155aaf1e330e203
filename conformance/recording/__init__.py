"""Turn the runs of a service into files that the mock plays: scenarios, a world and a behaviour."""
