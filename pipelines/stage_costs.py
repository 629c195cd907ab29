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


MEASURED: Final = "300 and 1,000 candidates, Python 3.11.7, 2 cores, load 16.9 before"
"""Where, when and on what."""
COSTS: Final[dict[Stage, StageCost]] = {
    Stage.CRAWL: StageCost("page", 11457.6, 1862.4, 0.11, 219),
    Stage.EXTRACT: StageCost("candidate", 485.9, 256.9, 1.0, 214),
    Stage.SCREEN: StageCost("candidate", 814.9, 103.7, 1.0, 713),
    Stage.FETCH: StageCost("URL", 7650.3, 72654.5, 1.0, 223),
    Stage.DEDUPE: StageCost("image", 764.5, 320.4, 1.0, 280),
    Stage.SELECT: StageCost("candidate", 989.8, 442.1, 1.0, 255),
    Stage.PACK: StageCost("sample", 422.4, 154799.2, 1.0, 292),
}
