"""Tests of the demonstration's content and plan."""
