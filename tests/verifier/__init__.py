"""Tests of the verifier: a small real log, and everything that can be wrong with a file about it."""
