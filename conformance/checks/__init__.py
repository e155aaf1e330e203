"""Checks, one module per group of requirements, named as the group.

A check is a function whose name begins with `check_`, bound by `requirement` to the requirement
that it decides. It returns if the requirement holds and raises CheckFailed if it does not.
"""
