"""Load the requirements and the open questions."""
