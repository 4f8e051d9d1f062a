"""Bots: accounts on platforms."""
