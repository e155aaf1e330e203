"""How many connections the process may hold: a connection is a file descriptor, and many systems
allow a thousand of them until they are asked for more."""

import sys

OTHERS = 128
"""Descriptors that are not event streams: files, the listener, connections of plain requests."""

_PLENTY = 1_048_576


def raise_limit() -> int | None:
    """Allow the process as many descriptors as it may have; returns how many these are, None where
    the system does not say."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Where the hard limit is none, some systems still take no more than a certain number.
    for wanted in (_PLENTY if hard == resource.RLIM_INFINITY else hard, 10_240):
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError):
                continue
            return wanted
    return None if soft == resource.RLIM_INFINITY else soft
