"""Provide the means of checks: their context, runs, polling, shared observations."""
