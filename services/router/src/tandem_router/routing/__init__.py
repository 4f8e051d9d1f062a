"""From an event and a bot's rules to the handlers that act; pure."""
