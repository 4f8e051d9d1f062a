"""A whole configuration, declared."""
