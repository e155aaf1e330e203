"""Handle each request in layers, one module per layer."""
