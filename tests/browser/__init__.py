"""The pages in a real browser, and their verifier in Node."""
