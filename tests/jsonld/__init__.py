"""JSON-LD and RDF, held against the specifications and against other implementations."""
