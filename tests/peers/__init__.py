"""Fakes of the outside: faithful, stateful, and proved by somebody else's client."""
