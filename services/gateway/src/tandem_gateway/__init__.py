"""Tandem's gateway service."""
