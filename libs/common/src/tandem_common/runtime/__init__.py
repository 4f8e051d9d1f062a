"""How a service lives: settings, connections, ordered consumption, health."""
