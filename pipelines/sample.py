"""What a kept candidate becomes: a sample's key, caption, metadata and lineage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from filters.near_duplicates import EXACT, NEAR, DuplicateRules, View, closest_bits
from schemas.identity import canonical_json
from schemas.records import Contender, ImageHashes, ImageRow, LineageRow, SelectedRow

DEFAULT_RULES: Final = DuplicateRules()


def selected_row(
    teller: Contender,
    losers: Sequence[Contender],
    *,
    picture: Contender | None = None,
    told: Sequence[Contender] = (),
    rules: DuplicateRules = DEFAULT_RULES,
) -> SelectedRow:
    """Return the sample with the caption and page of ``teller`` and the image of ``picture`` (left out: its own).

    The captions of ``losers`` stay in its metadata as duplicates; ``rules`` are what they were matched by. Where
    ``told`` is given, ``captions`` and ``caption_pages`` list the captions of these, which are of the same picture, and
    the pages they stand on.
    """
    shown = picture or teller
    row, image = teller.screened, shown.image
    metadata = _metadata(teller, shown, losers, rules)
    if told:
        metadata["captions"] = [other.screened.caption for other in told]
        metadata["caption_pages"] = [other.screened.page_url for other in told]
    return SelectedRow(
        key=row.candidate_id,
        caption=row.caption,
        metadata=canonical_json(metadata),
        lineage=LineageRow(
            key=row.candidate_id,
            source_kind=row.source_kind,
            source=row.source,
            source_offset=row.source_offset,
            source_digest=row.source_digest,
            captured_at=row.captured_at,
            page_url=row.page_url,
            image_url=image.image_url,
            final_url=image.final_url,
            fetched_at=image.fetched_at,
            http_status=image.http_status,
            address=image.address,
            consent=image.consent,
            licences=row.licences,
        ),
        hashes=ImageHashes(
            raw_sha256=image.raw_sha256,
            phash=image.phash,
            phash256=image.phash256,
            clear_bits=image.clear_bits,
            trimmed_phash=image.trimmed_phash,
            trimmed_phash256=image.trimmed_phash256,
            trimmed_clear_bits=image.trimmed_clear_bits,
            pixels=image.original_width * image.original_height,
            tones=image.tones,
            trimmed_tones=image.trimmed_tones,
        ),
        staging=image.staging,
        staging_offset=image.staging_offset,
        staging_length=image.staging_length,
    )


def _metadata(
    teller: Contender, shown: Contender, losers: Sequence[Contender], rules: DuplicateRules
) -> dict[str, object]:
    """Return what the sample's JSON says: only what is the same in every run over the same content.

    Every value has one type in every sample. What is a list, or may be absent, stands in ``details`` as JSON text:
    loaders such as Hugging Face's guess a shard's types from its first samples, and an empty list has none.
    """
    row, image = teller.screened, shown.image
    return {
        "key": row.candidate_id,
        "url": image.image_url,
        "page_url": row.page_url,
        "page_title": row.page_title,
        "caption": row.caption,
        "caption_kind": row.caption_kind,
        "caption_path": row.caption_path,
        "caption_raw": row.caption_raw,
        "caption_why": row.why,
        "concepts": ", ".join(row.concepts),
        "licences": row.licences,
        "morphemes": row.morphemes,
        "source_kind": row.source_kind,
        "source_name": "crawl" if row.source_kind == "crawl" else PurePosixPath(row.source).name,
        "source_digest": row.source_digest,
        "status": "success",
        "http_status": image.http_status or 0,
        "width": image.width,
        "height": image.height,
        "original_width": image.original_width,
        "original_height": image.original_height,
        "format": image.raw_format,
        "orientation": image.orientation,
        "frames": image.frames,
        "reencoded": image.reencoded,
        "sha256": image.stored_sha256,
        "raw_sha256": image.raw_sha256,
        "phash": image.phash,
        "dhash": image.dhash,
        "cluster": shown.cluster.cluster,
        "scores": {score.name: score.value for score in image.scores},
        "details": canonical_json(
            {
                "captions": [candidate._asdict() for candidate in row.captions],
                "caption_steps": row.steps,
                "cluster": _membership(shown),
                "consent": [evidence._asdict() for evidence in image.consent],
                "verdicts": [judged._asdict() for judged in (*row.verdicts, *shown.verdicts)],
                "duplicates": [_duplicate(loser, image, rules) for loser in losers],
            }
        ),
    }


def _membership(contender: Contender) -> dict[str, object]:
    """Return what binds an image to its cluster; the distances in it are to the cluster's representative."""
    found: dict[str, object] = contender.cluster._asdict()
    del found["image_url"], found["released_key"]  # nothing is kept of a cluster of which a release has a sample
    return found


def _duplicate(loser: Contender, kept: ImageRow, rules: DuplicateRules) -> dict[str, object]:
    """Return a duplicate as the sample's JSON tells it: ``distance`` and ``verify_distance`` are to the kept image."""
    match, distance, verify_distance = resemblance(loser.image, kept, rules)
    return {
        "candidate_id": loser.screened.candidate_id,
        "url": loser.screened.image_url,
        "page_url": loser.screened.page_url,
        "caption": loser.screened.caption,
        "caption_kind": loser.screened.caption_kind,
        "raw_sha256": loser.image.raw_sha256,
        "match": match,
        "distance": distance,
        "verify_distance": verify_distance,
        "cluster": _membership(loser),
    }


def resemblance(image: ImageRow, kept: ImageRow, rules: DuplicateRules) -> tuple[str, int, int]:
    """Return how ``image`` is a copy of ``kept``: `EXACT` or `NEAR`, and bits of 64 and of 256 between them.

    The bits are those of the closest views that are clear by ``rules``.
    """
    if image.raw_sha256 == kept.raw_sha256:
        return EXACT, 0, 0
    return NEAR, *closest_bits(_views(image), _views(kept), rules)


def _views(image: ImageRow) -> list[View]:
    """Return the hashes of the whole picture and, where it has margins, of the picture without them."""
    trimmed = (image.trimmed_phash, image.trimmed_phash256, image.trimmed_clear_bits)
    return [(image.phash, image.phash256, image.clear_bits), *([trimmed] if image.trimmed_phash else [])]
