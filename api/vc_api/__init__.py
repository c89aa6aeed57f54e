"""The VC-API over this ledger: issue, verify and change the status of credentials in the shapes of the public suites.

    request    what is asked for, read from a body
    issuing    a credential that somebody made, signed and logged
    judging    a credential or presentation, of whatever issuer, verified or not, with every problem
    listed_status   what status lists say
    keys       public keys of verification methods, by their DIDs

Source: W3C CCG Verifiable Credentials API 1.0 (VC-API), sections 3.2, 3.3 and 3.5.
"""
