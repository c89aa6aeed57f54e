"""The set-up: lock files, make targets, lint settings and the README agree."""
