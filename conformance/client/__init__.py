"""Connect to the API under test: requests, streams, raw sockets, and records of the traffic."""
