"""Deterministic: no clock, no chance, no I/O."""
