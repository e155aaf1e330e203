"""The lines that ``runs-mock serve`` begins with."""

from typing import TYPE_CHECKING

from mock_server import __version__
from mock_server.settings import Settings

if TYPE_CHECKING:
    from mock_server.store.keeper import Keeper


def greeting(base: str, settings: Settings, keeper: "Keeper | None") -> str:
    """Return the lines for a mock at ``base`` whose worlds ``keeper`` keeps."""
    speed = "frozen" if settings.scale == 0 else f"{settings.scale:g} times real"
    first = settings.declared[0]
    kept = ""
    if keeper is not None:
        kept = f"""\
  Store       {keeper.store.label}; requests and coverage are not kept, and a crash may lose
              the last second of fault counters and rate limits
"""
    return f"""\
Automation runs mock {__version__}

  Start page  {base}/
  API         {base}/api/v1/automation-runs
  Contract    {base}/docs
  Control     {base}/_mock, {"with the token" if settings.access.token else "from this machine"}
  Worlds      {", ".join(settings.declared)}, and any name that begins with test-
  Clock       {"real" if settings.scale == 1 else speed}
{kept}
Try it:
  curl -H 'X-API-Key: {first}' '{base}/api/v1/automation-runs?limit=3'

Ctrl-C stops it.
"""
