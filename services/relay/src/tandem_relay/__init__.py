"""Tandem's relay service."""
