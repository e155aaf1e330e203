"""Decide what holds for a response, a run and its steps."""
