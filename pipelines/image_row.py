"""From what the network or a download gave, and the decoder made of it, to a row of the images table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from filters.caption_safety import withheld
from filters.suppression import SuppressionTable
from pipelines.decoded import Decoded
from pipelines.known_images import facts_of
from pipelines.staging import Staging
from pipelines.unit_of_work import count
from pipelines.web_client import Fetched, listed_consent, refusal_to_keep
from schemas.reasons import NO_REASON, Outcome
from schemas.records import Consent, ImageRow

Item = TypeVar("Item")

ACCEPT = "image/jpeg,image/png,image/webp,image/gif;q=0.9,*/*;q=0.1"
READ_LANES = 16
"""Images read from a download and waiting for a decoder: enough to keep every decoding process busy."""


def image_row(fetched: Fetched, decoded: Decoded | None) -> ImageRow:
    """Return the row of one URL from what the network and the decoder gave, its image not placed yet."""
    reason = fetched.reason or (decoded.reason if decoded is not None else NO_REASON)
    detail = fetched.detail if fetched.reason or decoded is None else decoded.detail
    made = decoded if decoded is not None else Decoded(reason=reason, detail=detail)
    return ImageRow(
        image_url=fetched.url,
        final_url=fetched.final_url,
        fetched_at=fetched.fetched_at,
        http_status=fetched.status,
        address=fetched.address,
        consent=list(fetched.consent),
        outcome=Outcome.DROP if reason else Outcome.KEEP,
        reason=reason,
        detail=withheld(detail),  # what could not be read may be quoted in it
        raw_sha256=made.raw_sha256,
        raw_bytes=len(fetched.body),
        raw_format=made.raw_format,
        stored_sha256=made.stored_sha256,
        stored_bytes=len(made.jpeg),
        width=made.width,
        height=made.height,
        original_width=made.original_width,
        original_height=made.original_height,
        orientation=made.orientation,
        frames=made.frames,
        reencoded=made.reencoded,
        phash=made.phash,
        phash256=made.phash256,
        dhash=made.dhash,
        clear_bits=made.clear_bits,
        trimmed_phash=made.trimmed_phash,
        trimmed_phash256=made.trimmed_phash256,
        trimmed_clear_bits=made.trimmed_clear_bits,
        tones=made.tones,
        trimmed_tones=made.trimmed_tones,
        scores=list(made.scores),
        staging="",
        staging_offset=0,
        staging_length=len(made.jpeg),
    )


def said(decoded: Decoded, opt_outs: SuppressionTable | None) -> list[Consent]:
    """Return what is said on the use of an image that is at hand: by itself, and by an opt-out list."""
    named = opt_outs.image((decoded.raw_sha256, decoded.stored_sha256), decoded.phash) if opt_outs is not None else ""
    return [*decoded.consent, *([listed_consent(named)] if named else [])]


async def stage_row(
    fetched: Fetched, decoded: Decoded | None, staging: Staging, *, raw_sha256: str | None = None
) -> None:
    """Add the row of one URL, and its image where nothing refuses it.

    ``raw_sha256`` is that of the file where what was decoded is more than the file.
    """
    facts = facts_of(decoded) if decoded is not None and decoded.jpeg and not fetched.reason else None
    if decoded is not None and raw_sha256 is not None:
        decoded = decoded._replace(raw_sha256=raw_sha256)
    if fetched.reason and decoded is not None:  # refused for what it is: nothing of it is kept but its name
        decoded = Decoded(reason=fetched.reason, raw_sha256=decoded.raw_sha256, raw_format=decoded.raw_format)
    count("image_bytes", len(fetched.body))
    jpeg = decoded.jpeg if decoded is not None else b""
    await staging.add(image_row(fetched, decoded), jpeg, refusal_to_keep(fetched), facts=facts)


async def in_lanes(items: Iterable[Item], work: Callable[[Item], Awaitable[None]]) -> None:
    """Run ``work`` on every item, in order and as many at a time as keep the decoders busy."""
    shared = iter(items)

    async def lane() -> None:
        for item in shared:
            await work(item)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(READ_LANES):
            lanes.create_task(lane())
