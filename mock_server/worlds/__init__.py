"""Worlds: a tenant's runs and their clock, rendered, advanced, saved and restored."""
