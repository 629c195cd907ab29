"""The ledger: how many candidates were kept, how many were dropped and why. Read from what is committed."""

from __future__ import annotations

from pipelines.dataset import Ledger as Ledger
from pipelines.stage import DROP, IN, KEEP, Committed


def ledger_of(stage: Committed) -> Ledger:
    """Return the ledger after ``stage``; before the select stage, what is still in the run counts as kept."""
    tallies = stage.manifest.tallies
    dropped = {heading.removeprefix(DROP): n for heading, n in sorted(tallies.items()) if heading.startswith(DROP)}
    kept = tallies.get(KEEP, 0)
    candidates = tallies.get(IN, 0)
    return Ledger(candidates, kept, dropped, balanced=candidates == kept + sum(dropped.values()))
