"""Run the checks against a target and make the report."""
