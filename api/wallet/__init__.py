"""Awards into wallets: OpenID for Verifiable Credential Issuance 1.0 with the pre-authorized code grant (ADR 0040)."""
