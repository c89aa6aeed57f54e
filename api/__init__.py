"""The way in and out: HTTP, pages, the `cairn` command, settings, and what puts the parts together.

The one package that reads the environment, the clock and the operating system's randomness. It may
import all the others; none of them imports it.
"""
