"""What can be done with an event; one file a handler."""
