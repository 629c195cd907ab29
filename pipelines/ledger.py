"""The ledger: how many candidates were kept, how many were dropped and why. Read from what is committed."""

from __future__ import annotations

import msgspec

from pipelines.stage import DROP, IN, KEEP, Committed


class Ledger(msgspec.Struct, frozen=True):
    """The books of a run: candidates = kept + Σ dropped where ``balanced``."""

    candidates: int
    kept: int
    dropped: dict[str, int]
    balanced: bool


def ledger_of(stage: Committed) -> Ledger:
    """Return the ledger after ``stage``; before the select stage, what is still in the run counts as kept."""
    tallies = stage.manifest.tallies
    dropped = {heading.removeprefix(DROP): n for heading, n in sorted(tallies.items()) if heading.startswith(DROP)}
    kept = tallies.get(KEEP, 0)
    candidates = tallies.get(IN, 0)
    return Ledger(candidates, kept, dropped, balanced=candidates == kept + sum(dropped.values()))
