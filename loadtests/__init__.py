"""Measurements of a running Cairn, over HTTP alone.

They start a server as a user would and import nothing of ours: a number is what a client sees.
"""
