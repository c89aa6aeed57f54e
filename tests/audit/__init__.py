"""Audits of logs that were made up: what is legal passes, and every kind of fraud is named."""
