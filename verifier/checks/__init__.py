"""The checks themselves, one module for each question a report answers.

Each takes what was claimed and what has been proved so far, and returns checks together with what
they prove, or None where they prove nothing. Nothing here raises on untrusted input.
"""
