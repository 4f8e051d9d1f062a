"""The relay's tables through time."""
