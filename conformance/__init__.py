"""Holds any implementation of the Automation runs API against its contract, over HTTP."""

__version__ = "0.1.0"
