"""Decide whether a response, a run and its steps keep to the rules."""
