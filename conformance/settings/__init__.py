"""What a run of the kit is told, by options, environment and file."""
