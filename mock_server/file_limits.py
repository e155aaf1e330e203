"""The limit of open connections: each is a file descriptor, and many systems allow a thousand of
them until a process raises its limit."""

import sys

RESERVED_DESCRIPTORS = 192
"""Descriptors for everything but event streams: files, the listener, live feeds, other
connections."""

_MAX_DESCRIPTORS = 1_048_576


def raise_limit() -> int | None:
    """Raise the process's limit of descriptors to its maximum; return it, None for an unknown
    one."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Without a hard limit, some systems still reject more than a certain number.
    for wanted in (_MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard, 10_240):
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError):
                continue
            return wanted
    return None if soft == resource.RLIM_INFINITY else soft
