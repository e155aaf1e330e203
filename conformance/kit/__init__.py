"""What a check works with: runs, time, expectations, a model of what runs may do."""
