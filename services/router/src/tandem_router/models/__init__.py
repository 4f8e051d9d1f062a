"""The tables the router owns."""
