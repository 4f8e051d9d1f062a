"""A bot's rules."""
