"""The samples of docs/deploy: each is run, or checked, as far as one machine can."""
