"""The load tests keep working: scenarios for seconds, the page, the simulation against theory."""
