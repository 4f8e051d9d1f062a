"""The router's tables through time."""
