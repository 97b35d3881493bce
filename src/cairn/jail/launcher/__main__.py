"""The launcher: a small process of its own between cairn and a candidate.

Started as `python -I -S FOLDER REQUEST REPORT`, with two open files by number. It imports the
standard library's cheapest modules only, and nothing of cairn: it starts for every run.
"""

import sys

from supervise import main

main(int(sys.argv[1]), int(sys.argv[2]))
