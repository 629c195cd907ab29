"""How many samples name each concept: counted by the select stage, published with the dataset, held against the next.

Every entry of the lexicon has its row in a dataset's table, so that what no sample shows is there to be seen.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from filters.concepts import LEXICON_VERSION
from pipelines.parts import read_rows
from pipelines.stage import Committed
from schemas.arrow import from_table, to_table
from schemas.records import ConceptCount

FILE: Final = "concepts.parquet"
"""The table's name in a dataset: category, name, samples."""
_VERSION_KEY: Final = b"lexicon_version"
_SEPARATOR: Final = ", "


class SampleFacts(msgspec.Struct, frozen=True):
    """What is read of a sample's metadata here; the rest is skipped without being decoded."""

    concepts: str
    sha256: str

    def names(self) -> list[str]:
        """Return the concepts that the caption names, each once."""
        return self.concepts.split(_SEPARATOR) if self.concepts else []


_DECODER: Final = msgspec.json.Decoder(SampleFacts)


def facts_of(metadata: str | bytes) -> SampleFacts:
    """Return the facts in a sample's metadata (its JSON)."""
    return _DECODER.decode(metadata)


class SampleTally:
    """Counts samples by concept and by category. ``categories`` give the category of each concept."""

    def __init__(self, categories: Mapping[str, str]) -> None:
        self._categories = categories
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, metadata: Iterable[str | bytes]) -> None:
        """Count samples by their metadata."""
        for text in metadata:
            named = [(self._categories[name], name) for name in facts_of(text).names()]
            self._counts.update(named)
            self._counts.update({(category, ""): 1 for category, _ in named})

    def rows(self) -> list[ConceptCount]:
        """Return the counts, in order."""
        return [ConceptCount(*key, samples) for key, samples in sorted(self._counts.items())]


class ConceptCounts(NamedTuple):
    """``entries``: every concept of the lexicon by (category, name). ``categories``: samples that name any concept."""

    entries: tuple[ConceptCount, ...]
    categories: dict[str, int]

    def samples(self) -> dict[str, int]:
        """Return how many samples name each concept."""
        return {entry.name: entry.samples for entry in self.entries}

    def met(self) -> Counter[str]:
        """Return how many different concepts of each category are named."""
        return Counter(entry.category for entry in self.entries if entry.samples)

    def most_named(self, category: str, most: int) -> list[ConceptCount]:
        """Return the concepts of ``category`` that are named at all, most samples first, ``most`` at the most."""
        mine = [entry for entry in self.entries if entry.category == category and entry.samples]
        return sorted(mine, key=lambda entry: (-entry.samples, entry.name))[:most]


def total(select: Committed, categories: Mapping[str, str]) -> ConceptCounts:
    """Return the counts of a committed select stage. ``categories`` give the category of each entry of the lexicon."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in select.paths("concepts"):
        for row in read_rows(path, ConceptCount):
            counts[row.category, row.name] += row.samples
    entries = sorted((category, name) for name, category in categories.items())
    return ConceptCounts(
        tuple(ConceptCount(*entry, counts[entry]) for entry in entries),
        {category: counts[category, ""] for category in sorted(set(categories.values()))},
    )


def table_bytes(entries: Iterable[ConceptCount]) -> bytes:
    """Return the counts as the Parquet file of a dataset, marked with the version of the lexicon."""
    table = to_table(ConceptCount, entries)
    table = table.replace_schema_metadata({**table.schema.metadata, _VERSION_KEY: str(LEXICON_VERSION).encode()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_table(data: bytes) -> tuple[int, list[ConceptCount]]:
    """Return the version of the lexicon that was counted with, and the counts.

    Raises:
        ValueError: the bytes are no such table.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
        return int(table.schema.metadata[_VERSION_KEY]), list(from_table(ConceptCount, table))
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise ValueError(f"not a table of concepts ({error})") from error
