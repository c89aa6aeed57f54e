"""Stacking: the rules of a pathway as data, their exact evaluation, and the pinned derivation of a stack.

Pure: the standard library, msgspec and :mod:`ledger.error` alone; no events, no clock, no vault. The day is an
argument. Quantities are integers of the smallest unit and fractions, never floats.

======================  ============================================================================
quantity, text_form     units, shares, rounding; the one spelling of rule texts and derivations
component               the facts of one award, as far as rules look at them
selector, grade         which awards are meant; declared scales
rule                    the tree of rules over the awards that are used
admission, overlap      which awards may count at all; what other stacks used already
pathway_rules           the whole rule text
published               rule texts of policies that institutions have published
counting, conflict      how an award counts by itself; awards that never count together
judging                 the definition of the rules over a pinned stack, without search
evaluation, derivation  outcomes, and the pinned result
check                   a pinned derivation is checked
candidate, alternative  what may count, indexed; the ways through the rules
encoding, greedy        one way as a program of options and rows; a quick attempt at it
search, finding         the exact search; all ways within one budget
attempt, completion     what is said of a stack that is not met (with narrowing)
evaluate                the whole
======================  ============================================================================
"""
