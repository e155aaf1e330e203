"""Why an answer came: journal, coverage of the contract, metrics."""
