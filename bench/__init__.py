"""Side-by-side measurements of the mock, run by hand: ``python -m bench --help``."""
