"""The report's picture of what the captions name: a field of squares a category, one square a concept.

Pure: counts in, markup out. A square's strength tells how many samples name its concept, so that a field shows at a
glance how far a category is covered; below it stand the words that are named most, and well-known ones that none names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from html import escape
from typing import Final, NamedTuple

from filters.concepts import well_known
from pipelines.concept_counts import ConceptCounts
from schemas.records import ConceptCount

_COLUMNS: Final = 32
_STEP: Final = 10  # from square to square; a square is one less
_LEVELS: Final = (1, 2, 10, 100)
_KEY: Final = ("1", "2–9", "10–99", "100+")
_NAMED: Final = 12  # words below a field
_MISSING: Final = 12


class ConceptField(NamedTuple):
    """One category: its concepts, the most named first; samples that name any; well-known ones that none names."""

    category: str
    entries: tuple[ConceptCount, ...]
    samples: int
    missing: tuple[str, ...]

    @property
    def met(self) -> int:
        """How many different concepts are named."""
        return sum(entry.samples > 0 for entry in self.entries)


def concept_fields(counts: ConceptCounts, known: Collection[str] | None = None) -> tuple[ConceptField, ...]:
    """Return a field for each category, the one with the most concepts named first. ``known``: as `well_known`."""
    known = frozenset(well_known() if known is None else known)
    by_category: dict[str, list[ConceptCount]] = {category: [] for category in counts.categories}
    for entry in counts.entries:
        by_category[entry.category].append(entry)
    made = []
    for category, entries in by_category.items():
        entries.sort(key=lambda entry: (-entry.samples, entry.name))
        missing = tuple(entry.name for entry in entries if not entry.samples and entry.name in known)
        made.append(ConceptField(category, tuple(entries), counts.categories[category], missing))
    return tuple(sorted(made, key=lambda field: (-field.met, field.category)))


def concepts_section(fields: Sequence[ConceptField]) -> str:
    """Return the section with a figure for each category, or nothing where there are none."""
    if not fields:
        return ""
    met, entries = sum(field.met for field in fields), sum(len(field.entries) for field in fields)
    key = "".join(f'<span><i class="c{level}"></i>{words}</span>' for level, words in enumerate(_KEY, start=1))
    return f"""<section id="concepts">
<h2>Concepts</h2>
<p>Korean things that kept captions name: <b>{met:,}</b> of the {entries:,} in the lexicon. Each square is one of them;
point at it for its name. Below stand the most named, and well-known ones that no caption names yet.</p>
<p class="key">samples <span><i class="c0"></i>none</span>{key}</p>
<div class="fields">
{"".join(map(_figure, fields))}</div>
</section>
"""


def _figure(field: ConceptField) -> str:
    words = "".join(
        f'<span class="w{_level(entry.samples)}">{escape(entry.name)}<small>{entry.samples:,}</small></span> '
        for entry in field.entries[:_NAMED]
        if entry.samples
    )
    named = f'<p class="named" lang="ko">{words}</p>' if words else ""
    more = len(field.missing) - _MISSING
    rest = f" <span>and {more:,} more</span>" if more > 0 else ""
    missing = " ".join(f"<span>{escape(name)}</span>" for name in field.missing[:_MISSING])
    missed = f'<p class="missing" lang="ko">{missing}{rest}</p>' if missing else ""
    return (
        f'<figure class="chart field"><figcaption><b lang="ko">{escape(field.category)}</b> '
        f'<span class="unit">{field.met:,} of {len(field.entries):,}, in {field.samples:,} samples</span></figcaption>'
        f"{_squares(field)}{named}{missed}</figure>\n"
    )


def _level(samples: int) -> int:
    return bisect_right(_LEVELS, samples)


def _squares(field: ConceptField) -> str:
    """Return the field's drawing: the named concepts as squares with their names, the others as dashed lines."""
    size = _STEP - 1
    rows = -(-len(field.entries) // _COLUMNS)
    parts = []
    for place in range(field.met):
        entry = field.entries[place]
        row, column = divmod(place, _COLUMNS)
        parts.append(
            f'<rect class="c{_level(entry.samples)}" x="{column * _STEP}" y="{row * _STEP}" width="{size}" '
            f'height="{size}"><title>{escape(entry.name)}: {entry.samples:,}</title></rect>'
        )
    lines = []
    for row in range(field.met // _COLUMNS, rows):
        first = max(field.met - row * _COLUMNS, 0)
        last = min(len(field.entries) - row * _COLUMNS, _COLUMNS)
        if first < last:
            lines.append(f"M{first * _STEP} {row * _STEP + size / 2:g}H{last * _STEP - 1}")
    rest = f'<path class="c0" d="{"".join(lines)}"/>' if lines else ""
    label = f"{field.category}: {field.met} of {len(field.entries)} concepts named"
    return (
        f'<svg viewBox="0 0 {_COLUMNS * _STEP - 1} {rows * _STEP - 1}" role="img" aria-label="{escape(label)}">'
        f"{rest}{''.join(parts)}</svg>"
    )
