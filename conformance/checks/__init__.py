"""The checks, one module for each group of requirements. A check is a function whose name begins
with `check_`, bound by `requirement` to what it decides: it returns if that holds, and raises a
Finding if it does not."""
