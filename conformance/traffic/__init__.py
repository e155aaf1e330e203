"""Judge traffic that the kit did not cause: of a proxy, or of a recording."""
