"""Upstream providers."""
