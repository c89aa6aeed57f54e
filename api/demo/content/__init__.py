"""Data files of the demonstration: one per institution, and the table of skills."""
