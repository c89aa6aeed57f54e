"""Read models: one rebuildable fold over the events per file, and the feed into the log.

Any of them can be dropped and rebuilt from the events while the old one keeps serving. The folds
are pure, so an auditor runs the very same code over the public log. It imports ledger and
anchoring alone.
"""
