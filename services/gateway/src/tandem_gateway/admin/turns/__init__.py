"""Turns: what is known of an answer, as it comes."""
