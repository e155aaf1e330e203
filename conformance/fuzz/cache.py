"""Where the kit may keep what it has worked out, from run to run."""

import os
import tempfile
from pathlib import Path


def cache_directory() -> Path:
    """Where tables that take seconds to make are kept from run to run; it may not exist."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        home = tempfile.gettempdir()
    return Path(home) / "automation-runs-kit"
