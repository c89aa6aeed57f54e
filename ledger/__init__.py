"""Facts and rules of the ledger: aggregates, events, documents and the vault.

Nothing here speaks HTTP, reads the environment, or owns a clock or a source of randomness: instants and random
bytes are passed in. The package imports none of Cairn's other packages.
"""
