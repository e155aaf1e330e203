"""A mock whose world ``demo`` holds as many runs as asked for, more than the control API gives out.

The same application and server as ``runs-mock serve``; only the world is made before it serves.
Its runs are all over, so that what is read stays the same.
"""

import asyncio
import sys

from mock_server.app import Mock
from mock_server.engine.clock import DAY
from mock_server.server import Server, bind
from mock_server.settings import Settings
from mock_server.worlds.cooperative import run_to_end
from mock_server.worlds.registry import Start


def main(port: str, runs: str) -> None:
    """Serve until the process is reported to end."""
    listener = bind("127.0.0.1", int(port))
    mock = Mock(Settings())
    world = asyncio.run(mock.worlds.reset("demo", Start(runs=int(runs), live=0)))
    run_to_end(world.change_clock(lambda clock: clock.advance(DAY)))
    Server(mock, lambda: None).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
