"""Pass traffic on between clients and a service, and observe it."""
