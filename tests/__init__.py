"""The tests of Cairn: one directory per package, plus the set-up itself."""
