"""Share code between check modules."""
