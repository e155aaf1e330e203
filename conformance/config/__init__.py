"""Read options, environment variables and the configuration file into settings."""
