"""The contract as the kit reads it: its evidence, the views of it, its schemas."""
