"""JSON-LD to canonical RDF, without a network.

    document --expansion--> quads --rdfc--> canonical N-Quads

`canonical_nquads` is the door; `shape` is a quicker way to the same bytes for documents of a shape seen before.
PyLD reads JSON-LD; canonicalisation (RDFC-1.0) and N-Quads are written here, see docs/adr/0020-canonicalisation.md.
"""
