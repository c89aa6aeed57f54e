"""Tests of the way in and out: HTTP, pages, settings."""
