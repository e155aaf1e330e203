"""What is required, how it ended, and what may be said of it."""
