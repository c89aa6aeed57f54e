"""Tests of the ledger: rules, stored bytes, durability, erasure."""
