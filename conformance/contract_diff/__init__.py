"""Judge what a change of an OpenAPI contract breaks, and for which side of the wire."""
