"""The console: a single page, served as it lies here."""
