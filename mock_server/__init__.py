"""A mock of the Automation runs API: stateful, contract-first, on a clock you control."""

__version__ = "0.1.0"
