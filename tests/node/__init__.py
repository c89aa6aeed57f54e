"""Other implementations, spoken to over a pipe."""
