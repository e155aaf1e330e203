"""What happens to runs, and when: the lifecycle, what steers it, and time and chance."""
