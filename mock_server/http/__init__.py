"""The way of a request: found, checked, answered, streamed."""
