"""Worlds that outlive the process: each is a snapshot and a log of commands."""
