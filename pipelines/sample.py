"""What a kept candidate becomes: a sample's key, caption, metadata and lineage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from schemas.identity import canonical_json
from schemas.records import Contender, LineageRow, SelectedRow


def selected_row(winner: Contender, losers: Sequence[Contender]) -> SelectedRow:
    """Return the sample that ``winner`` becomes; the captions of ``losers`` stay in its metadata."""
    row, image = winner.screened, winner.image
    return SelectedRow(
        key=row.candidate_id,
        caption=row.caption,
        metadata=canonical_json(_metadata(winner, losers)),
        lineage=LineageRow(
            key=row.candidate_id,
            source_kind=row.source_kind,
            source=row.source,
            source_offset=row.source_offset,
            source_digest=row.source_digest,
            captured_at=row.captured_at,
            page_url=row.page_url,
            image_url=row.image_url,
            final_url=image.final_url,
            fetched_at=image.fetched_at,
            http_status=image.http_status,
            address=image.address,
            consent=image.consent,
        ),
        staging=image.staging,
        staging_offset=image.staging_offset,
        staging_length=image.staging_length,
    )


def _metadata(winner: Contender, losers: Sequence[Contender]) -> dict[str, object]:
    """Return what the sample's JSON says: only what is the same in every run over the same content.

    Every value has one type in every sample. What is a list, or may be absent, stands in ``details`` as JSON text:
    loaders such as Hugging Face's guess a shard's types from its first samples, and an empty list has none.
    """
    row, image = winner.screened, winner.image
    return {
        "key": row.candidate_id,
        "url": row.image_url,
        "page_url": row.page_url,
        "page_title": row.page_title,
        "caption": row.caption,
        "caption_kind": row.caption_kind,
        "caption_path": row.caption_path,
        "caption_raw": row.caption_raw,
        "caption_why": row.why,
        "concepts": ", ".join(row.concepts),
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
        "cluster": winner.cluster.cluster,
        "scores": {score.name: score.value for score in image.scores},
        "details": canonical_json(
            {
                "captions": [candidate._asdict() for candidate in row.captions],
                "caption_steps": row.steps,
                "consent": [evidence._asdict() for evidence in image.consent],
                "verdicts": [judged._asdict() for judged in (*row.verdicts, *winner.verdicts)],
                "duplicates": [_duplicate(loser) for loser in losers],
            }
        ),
    }


def _duplicate(loser: Contender) -> dict[str, object]:
    return {
        "candidate_id": loser.screened.candidate_id,
        "url": loser.screened.image_url,
        "page_url": loser.screened.page_url,
        "caption": loser.screened.caption,
        "caption_kind": loser.screened.caption_kind,
        "raw_sha256": loser.image.raw_sha256,
        "distance": loser.cluster.distance,
    }
