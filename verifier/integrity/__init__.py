"""W3C Data Integrity: proofs that stand inside the document they are about."""
