"""A world that shows the runs of a failure that the conformance kit has found."""
