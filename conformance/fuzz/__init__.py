"""Schemathesis at work for the kit: what it is given, how it is run, and what its findings mean."""
