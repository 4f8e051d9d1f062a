"""Tandem's box service."""
