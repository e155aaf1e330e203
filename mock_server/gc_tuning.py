"""Pausing Python's garbage collector while many lasting objects are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_gc() -> Iterator[None]:
    """Pause the collector in the block and exclude the objects that it creates from collection.

    For many objects that stay, such as modules: examining them again and again would take longer
    than to create them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
