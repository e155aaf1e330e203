"""Give checks what they work with: their context, runs, polling, shared observations."""
