"""Stacking: the rules of a pathway as data, their exact evaluation, and the pinned derivation of a stack.

Pure: the standard library, msgspec and :mod:`ledger.error` alone; no events, no clock, no vault. The day is an
argument. Quantities are integers of the smallest unit and fractions, never floats.

==================  ================================================================================
quantity            units, shares, rounding
text_form           the canonical JSON of rule texts and derivations, strict reading
component           the facts of one award, as far as rules look at them
selector, grade     which awards are meant; declared scales
rule                the tree of rules over the awards that are used
admission, overlap  which awards may count at all; credits used elsewhere already
pathway_rules       the whole rule text
evaluation          outcomes, and the ways to complete a stack
derivation          the pinned result
==================  ================================================================================
"""
