"""The launcher: a small process of its own between cairn and a candidate.

Started as `python -I -S FOLDER REQUEST REPORT`, with two open files by number; by tier 3 inside
of the namespaces once more, with five. It imports the standard library's cheapest modules only,
and nothing of cairn: it starts for every run.
"""

import sys
from _signal import SIG_DFL, signal  # pyright: ignore[reportMissingImports]

signal(17, SIG_DFL)  # SIGCHLD: who started us may ignore it, and our children would be in no sum
numbers = [int(word) for word in sys.argv[1:]]
if len(numbers) == 2:
    from supervise import main

    main(*numbers)
else:
    from inside import main

    main(*numbers)
