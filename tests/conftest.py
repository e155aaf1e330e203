"""What every test may use: the mock's own fixtures, as its users get them."""

pytest_plugins = ["mock_server.pytest_plugin"]
