"""Share what several check modules use."""
