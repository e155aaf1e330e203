"""Reports of an exam: one module per format, each with a function from the results to a text."""
