"""Pages for people: rendered here, readable without script, in English and Russian."""
