"""The open questions: the answers there are, and those that were seen."""
