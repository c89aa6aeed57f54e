"""Tests of the whole: a real `cairn serve` on a loopback port, spoken to over HTTP and by the `cairn` command."""
