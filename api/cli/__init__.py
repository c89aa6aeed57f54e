"""The ``cairn`` command.

Results go to standard output, messages and progress to standard error. ``--json`` gives results for machines. Exit
codes mean the same everywhere: 0 valid or done, 1 invalid or damaged, 2 could not tell, 3 failure, 64 wrong usage.
"""

from __future__ import annotations
