"""``python -m mock_server`` is ``runs-mock``."""

from mock_server.cli import main

main()
