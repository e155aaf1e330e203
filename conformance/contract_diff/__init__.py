"""Judge whether a change of an OpenAPI contract breaks clients or the implementation."""
