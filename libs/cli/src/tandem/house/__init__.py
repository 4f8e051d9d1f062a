"""The whole house on one machine: servers and services as children of one process."""
