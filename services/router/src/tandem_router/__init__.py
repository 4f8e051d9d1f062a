"""Tandem's router service."""
