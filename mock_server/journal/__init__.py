"""Record requests and responses and explain them: journal, coverage, metrics."""
