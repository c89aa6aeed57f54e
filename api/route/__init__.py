"""One router per file. A router reads a request, calls one command or reader, and writes the answer."""
