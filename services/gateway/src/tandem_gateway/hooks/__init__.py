"""The door for platforms that push."""
