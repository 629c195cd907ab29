"""What a release must cover: counts of concepts, held against numbers and against an earlier dataset."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final, NamedTuple

import msgspec

from filters.concepts import LEXICON_VERSION
from pipelines import concept_counts, storage
from pipelines.concept_counts import ConceptCounts
from pipelines.concept_lexicon import AddedConcepts
from pipelines.dataset import FOLDER, MANIFEST, DatasetManifest
from pipelines.errors import InputRefused
from schemas.identity import sha256_hex

_TOLD: Final = 10  # shortfalls that a line names
_KEY: Final = "release.coverage"


class Coverage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``coverage`` key of a workflow's ``release`` section.

    ``against`` is an earlier output folder (or a dataset): each of its concepts, or of those named in ``only``, must
    be named by at least the share ``at_least`` (over 0; 1: as many) of the samples it had there. ``concepts`` maps
    concepts to the samples that must name them, ``categories`` categories to the different concepts of theirs that
    must be named.
    """

    against: str = ""
    at_least: float = 1.0
    only: tuple[str, ...] = ()
    concepts: dict[str, int] = {}
    categories: dict[str, int] = {}

    def __post_init__(self) -> None:
        if not 0 < self.at_least < float("inf"):
            raise ValueError("coverage.at_least is over 0: 0.9 asks for nine tenths of what there was")
        if self.only and not self.against:
            raise ValueError("coverage.only says which concepts are held against another dataset: name it in against")
        if any(number < 1 for number in (*self.concepts.values(), *self.categories.values())):
            raise ValueError("coverage.concepts and coverage.categories ask for at least 1 each")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``release`` section of a workflow: what must hold before a dataset is published."""

    coverage: Coverage = Coverage()


class Demand(NamedTuple):
    """One number that must be reached. ``said`` ends the line that tells of a shortfall."""

    name: str
    needed: int
    said: str


class Demands(NamedTuple):
    """Everything a release is asked for: samples that name a concept, concepts of a category that are named."""

    samples: tuple[Demand, ...]
    concepts: tuple[Demand, ...]

    def shortfalls(self, counts: ConceptCounts) -> list[str]:
        """Return what is not reached, each in a few words."""
        samples, met = counts.samples(), counts.met()
        short = [
            f"{name} is in {samples.get(name, 0):,} samples, {said}"
            for name, needed, said in self.samples
            if samples.get(name, 0) < needed
        ]
        return short + [
            f"{name} has {met[name]:,} concepts, {said}" for name, needed, said in self.concepts if met[name] < needed
        ]


def read_demands(release: Release, added: AddedConcepts) -> Demands:
    """Return what a release must reach, with the numbers of the earlier dataset read.

    Raises:
        InputRefused: there is no such dataset, it has no table of concepts or one that cannot be compared, or the
            lexicon has no such concept or category.
    """
    asked = release.coverage
    categories = added.categories()
    for key, names, known in (
        ("only", asked.only, categories.keys()),
        ("concepts", asked.concepts, categories.keys()),
        ("categories", asked.categories, set(categories.values())),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            kind = "category" if key == "categories" else "concept"
            raise InputRefused(
                f"{_KEY}.{key}: the lexicon has no {kind} {unknown[0]!r}; mend the name, or add it by concepts.lexicons"
            )
    samples = [Demand(name, needed, f"{needed:,} are demanded") for name, needed in asked.concepts.items()]
    if asked.against:
        samples += _as_before(asked)
    concepts = [Demand(name, needed, f"{needed:,} are demanded") for name, needed in asked.categories.items()]
    return Demands(tuple(samples), tuple(concepts))


def _as_before(asked: Coverage) -> Iterator[Demand]:
    for name, before in sorted(_earlier(asked.against).items()):
        if before and (not asked.only or name in asked.only):
            # 0.7 of 10 is 7, though 0.7 * 10 may be a hair more.
            needed = ceil(round(before * asked.at_least, 6))
            share = "" if asked.at_least == 1 else f" and {needed:,} are demanded"
            yield Demand(name, needed, f"{asked.against} has {before:,}{share}")


def _earlier(path: str) -> dict[str, int]:
    """Return the samples by concept of the dataset in ``path``, an output folder or a dataset's own."""
    where = f"{_KEY}.against: {path}"
    folders = [
        folder for folder in (storage.join(path, FOLDER), path) if storage.exists(storage.join(folder, MANIFEST))
    ]
    if not folders:
        raise InputRefused(f"{where}: holds no dataset of harubang; give the folder that was --out")
    try:
        manifest = msgspec.json.decode(storage.read_bytes(storage.join(folders[0], MANIFEST)), type=DatasetManifest)
        listed = next((entry for entry in manifest.files if entry.path == concept_counts.FILE), None)
        if listed is None:
            raise InputRefused(f"{where}: has no {concept_counts.FILE}: it is of an older release; run it again")
        data = storage.read_bytes(storage.join(folders[0], concept_counts.FILE))
        version, counts = concept_counts.read_table(data)
    except (OSError, ValueError) as error:
        raise InputRefused(f"{where}: cannot be read ({error}); give a dataset that is whole") from error
    if sha256_hex(data) != listed.sha256:
        raise InputRefused(
            f"{where}: {concept_counts.FILE} is not the one in its manifest; give a dataset that is whole"
        )
    if version != LEXICON_VERSION:
        raise InputRefused(
            f"{where}: was counted with lexicon version {version}, this is {LEXICON_VERSION}; run it again"
        )
    return {row.name: row.samples for row in counts}


def told(shortfalls: list[str]) -> str:
    """Return the shortfalls in one line."""
    more = len(shortfalls) - _TOLD
    return f"{_KEY}: " + "; ".join(shortfalls[:_TOLD]) + (f"; and {more:,} more" if more > 0 else "")
