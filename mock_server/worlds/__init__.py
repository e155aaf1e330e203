"""Worlds: a tenant's runs in time, how they are shown, written down and read back."""
