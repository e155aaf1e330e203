"""What can go wrong with a measurement: something is missing, or a server did not answer."""


class BenchError(Exception):
    """The measurement cannot be made; the text says why and what to do."""
