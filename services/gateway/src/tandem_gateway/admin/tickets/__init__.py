"""What operators do with tickets."""
