"""Servers that conform but for one thing: at least one for each requirement, which is the one that
must catch it."""
