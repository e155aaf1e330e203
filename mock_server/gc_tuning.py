"""Python's garbage collector, spared the work of looking through what is there to stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_gc() -> Iterator[None]:
    """Look for no garbage meanwhile, nor ever among what was made: for making much that stays,
    such as modules. To look through it again and again would take longer than to make it."""
    looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if looked_for:
            gc.enable()
