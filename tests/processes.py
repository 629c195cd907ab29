"""Which processes a process has started, and whether they are gone."""

import time
from pathlib import Path


def descendants(process):
    """Return the numbers of the processes that ``process`` started, and those they started."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def ended_within(seconds, processes):
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{process}").exists() for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
