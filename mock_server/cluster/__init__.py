"""Several processes as one mock: the owner of each world, and requests passed on to it."""
