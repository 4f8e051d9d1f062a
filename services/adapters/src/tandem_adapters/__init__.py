"""Tandem's adapters service."""
