"""Render a run's events: lines on a terminal, and files for machines."""
