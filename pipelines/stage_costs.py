"""What the stages cost, measured: the one place that estimates take it from.

`tests/bench/stage_costs.py` measures it, prints these lines anew and the table of ``workflows/README.md``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.reasons import Stage


class StageCost(NamedTuple):
    """CPU microseconds and bytes written for one ``unit`` that goes through a stage, and the peak memory in MiB.

    ``units_per_candidate`` is how many there were for each candidate where it was measured; the peak is that of the
    stage's largest process.
    """

    unit: str
    microseconds: float
    written: float
    units_per_candidate: float
    peak: float


MEASURED: Final = (
    "1,000 and 4,000 candidates, Python 3.11.7, 2 cores, load 2.2 before; "
    "dedupe, which costs too little to be seen there: 10 million hashes (`tests/bench/near_duplicate_scale.py`)"
)
"""Where, when and on what."""
COSTS: Final[dict[Stage, StageCost]] = {
    Stage.CRAWL: StageCost("page", 6238.2, 1223.5, 0.11, 219),
    Stage.EXTRACT: StageCost("candidate", 155.0, 113.6, 1.0, 211),
    Stage.SCREEN: StageCost("candidate", 668.9, 104.0, 1.0, 747),
    Stage.FETCH: StageCost("URL", 6731.5, 73544.7, 1.0, 239),
    Stage.DEDUPE: StageCost("image", 42.1, 40.0, 1.0, 237),
    Stage.SELECT: StageCost("candidate", 1541.7, 537.4, 1.0, 294),
    Stage.PACK: StageCost("sample", 472.5, 154951.4, 1.0, 376),
}
