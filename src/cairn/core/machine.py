"""What the machine offers to this process."""

import os


def cores() -> int:
    """Cores this process may use. Where the system does not say (macOS), those there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
