"""The demonstration: a made-up world of institutions, learners and awards, as data and a plan.

Nothing here touches a ledger, a clock or a file outside this package.
:func:`api.demo.plan.make_plan` turns a seed and an end instant into a time-ordered list of steps
over five years, and whoever carries them out needs one ``match`` statement.
"""
