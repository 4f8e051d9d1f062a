"""Talking to other people's programs over HTTP."""
