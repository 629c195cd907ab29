"""What every unit of work tells of itself beside its report: how long it took, and counters that an engine shows.

Counters are Beam's, in the namespace "harubang": engines show them by the step that counted. A unit that an engine runs
twice is counted twice there; the ledger and the log count what was committed.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from filters.caption_safety import safe_report
from pipelines.parts import Done, Part, Tally, Work

NAMESPACE = "harubang"

Self = TypeVar("Self")
Output = TypeVar("Output")
Rest = ParamSpec("Rest")
Process = Callable[Concatenate[Self, Rest], Iterator[Output]]


def count(name: str, number: int = 1) -> None:
    """Add to a counter of the step at work. Nothing is counted outside an engine's own thread."""
    Metrics.counter(NAMESPACE, name).inc(number)


def reported(step: str) -> Callable[[Process[Self, Rest, Output]], Process[Self, Rest, Output]]:
    """Return a decorator of ``process`` that adds to each `Done` how the work went, and counts what it says.

    What the work raises comes out as it is, or with its traceback as text where a personal identifier stood in that.
    """

    def decorate(process: Process[Self, Rest, Output]) -> Process[Self, Rest, Output]:
        @wraps(process)
        def timed(self: Self, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Iterator[Output]:
            began = time.monotonic()
            try:
                for output in process(self, *args, **kwargs):
                    said = output.value if isinstance(output, TaggedOutput) else output
                    if not isinstance(said, Done):
                        yield output
                        continue
                    told = _told(said, step, time.monotonic() - began)
                    yield cast(Output, TaggedOutput(output.tag, told) if isinstance(output, TaggedOutput) else told)
                    began = time.monotonic()
            except Exception as error:
                # Before Beam has it: workers print it, and engines show it. It may quote a page.
                quoting = "".join(traceback.format_exception(error))
                safe = safe_report(quoting)
                if safe == quoting:
                    raise
                said_first = safe_report(traceback.format_exception_only(error)[0])
                raise RuntimeError(f"{said_first}{safe}") from None

        return timed

    return decorate


def _told(done: Done, step: str, seconds: float) -> Done:
    rows = by_table(done.parts, lambda part: part.rows)
    sizes = by_table(done.parts, lambda part: part.size)
    for prefix, tallies in (("", done.tallies), ("rows:", rows), ("bytes:", sizes)):
        for tally in tallies:
            count(prefix + tally.heading, tally.number)
    partition = done.parts[0].partition if done.parts else 0
    return done._replace(work=(Work(step, partition, _ms(time.time()), _ms(seconds), rows, sizes, done.tallies),))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def by_table(parts: list[Part], number: Callable[[Part], int]) -> list[Tally]:
    """Return the sums over the parts of each table of a number that each part has."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums[part.table] += number(part)
    return [Tally(table, sums[table]) for table in sorted(sums)]
