"""The kit as tools of an agent, over the Model Context Protocol."""
