"""The tables the relay owns."""
