"""The rows of every table, as NamedTuples. ``schemas.arrow`` derives each table's Arrow schema from them.

Texts are Unicode NFC unless a field says *raw*. Times are ISO 8601 in UTC. Digests are lower-case hex.
"""

from __future__ import annotations

from typing import NamedTuple


class CaptionCandidate(NamedTuple):
    """One text that may describe an image. ``kind`` is a `filters.harvest.CaptionKind` value, ``text`` is raw."""

    kind: str
    text: str
    dom_path: str


class Verdict(NamedTuple):
    """One filter's recorded decision. ``filter_id`` is ``name@version``; ``score`` is None where unknown."""

    filter_id: str
    outcome: str
    reason: str
    score: float | None
    threshold: float | None


class Consent(NamedTuple):
    """One piece of consent evidence: the channel it came by, its raw value, and what it says."""

    channel: str
    value: str
    allowed: bool


class PageRow(NamedTuple):
    """One page or source unit that was looked at. ``reason`` is empty where it was read."""

    page_url: str
    source_kind: str
    source: str
    source_offset: int | None
    source_digest: str
    http_status: int | None
    captured_at: str
    charset: str
    images: int
    outcome: str
    reason: str
    detail: str


class CandidateRow(NamedTuple):
    """One image on one page with every caption candidate, or (``unit`` not "image") one source unit that failed.

    ``unit`` is image, page, record, row or source. ``reason`` is set only where extraction itself dropped the row.
    ``linked_page`` is the URL of the page of the same site that the image links to ("" where it links to none, or also
    stands outside of the link), ``site_name`` what the page's og:site_name says. ``licences`` are those that the page
    names, as URLs and as 공공누리 types (``kogl:1``), with blanks between.
    """

    candidate_id: str
    unit: str
    image_url: str
    page_url: str
    page_title: str
    captions: list[CaptionCandidate]
    source_kind: str
    source: str
    source_offset: int | None
    source_digest: str
    captured_at: str
    reason: str
    detail: str
    linked_page: str = ""
    site_name: str = ""
    licences: str = ""


class ScreenedRow(NamedTuple):
    """A candidate with what screening made of it: the caption chosen and cleaned, every score, the outcome.

    ``why`` says what evidence chose the caption; ``steps`` name the cleaning steps that changed it; ``concepts`` are
    the Korean things it names.
    """

    candidate_id: str
    unit: str
    image_url: str
    page_url: str
    page_title: str
    captions: list[CaptionCandidate]
    source_kind: str
    source: str
    source_offset: int | None
    source_digest: str
    captured_at: str
    caption: str
    caption_kind: str
    caption_path: str
    caption_raw: str
    why: str
    steps: list[str]
    concepts: list[str]
    morphemes: int
    outcome: str
    reason: str
    detail: str
    verdicts: list[Verdict]
    linked_page: str = ""
    licences: str = ""


class ImageRow(NamedTuple):
    """One distinct image URL after fetching. Pixels are those of the stored image unless named original.

    ``staging_offset`` and ``staging_length`` are bytes of the stored JPEG inside the staging tar. Hashes are hex of 64
    bits (``phash256``: of 256), most significant bit first, as `imagehash` prints them. ``clear_bits`` is how many
    bits of the pHash are more than noise, 0 to 64, and ``tones`` are those of `filters.tones`. The ``trimmed`` ones
    are of the picture without its plain margins, and empty and 0 where it has none.
    """

    image_url: str
    final_url: str
    fetched_at: str
    http_status: int | None
    address: str
    consent: list[Consent]
    outcome: str
    reason: str
    detail: str
    raw_sha256: str
    raw_bytes: int
    raw_format: str
    stored_sha256: str
    stored_bytes: int
    width: int
    height: int
    original_width: int
    original_height: int
    orientation: int
    frames: int
    reencoded: bool
    phash: str
    phash256: str
    dhash: str
    clear_bits: int
    trimmed_phash: str
    trimmed_phash256: str
    trimmed_clear_bits: int
    scores: list[Score]
    staging: str
    staging_offset: int
    staging_length: int
    tones: bytes = b""
    trimmed_tones: bytes = b""


class Score(NamedTuple):
    """One measured number of an image, by name; the unit stands in `filters.image`."""

    name: str
    value: float


class ClusterRow(NamedTuple):
    """One fetched image's place among its duplicates.

    ``cluster`` is the sha256 of the representative's bytes. ``match`` is unique, exact or near; ``proposed_by`` and
    ``confirmed_by`` name the hashes that said so. ``distance`` (of 64 bits) and ``verify_distance`` (of 256) are to the
    representative, ``agreement`` (-1 to 1, four digits) is that of the tones. ``size`` counts the cluster's images.
    Where an earlier release has the representative, ``released_in`` names the release (its name and the first 8 digits
    of its root), ``released_key`` the sample whose picture it is, and ``representative_url`` is empty unless this run
    has the same bytes.
    """

    image_url: str
    cluster: str
    representative_url: str
    match: str
    proposed_by: str
    confirmed_by: str
    distance: int
    verify_distance: int
    size: int
    released_in: str = ""
    released_key: str = ""
    agreement: float = 1.0


class OutcomeRow(NamedTuple):
    """The end of one candidate's story: kept, or dropped at ``stage`` for ``reason``. The ledger counts these."""

    candidate_id: str
    unit: str
    image_url: str
    page_url: str
    caption: str
    stage: str
    outcome: str
    reason: str
    detail: str
    winner_id: str
    verdicts: list[Verdict]
    source_kind: str
    source: str
    source_offset: int | None
    source_digest: str
    captured_at: str


class LineageRow(NamedTuple):
    """Where and when a sample was found and fetched: what differs between two crawls of the same web.

    It is published beside the shards and not inside them, so that the same content has the same shards. ``licences``
    are those of the sample's page, as in `CandidateRow`; the sample has them too.
    """

    key: str
    source_kind: str
    source: str
    source_offset: int | None
    source_digest: str
    captured_at: str
    page_url: str
    image_url: str
    final_url: str
    fetched_at: str
    http_status: int | None
    address: str
    consent: list[Consent]
    licences: str = ""


class ImageHashes(NamedTuple):
    """What a sample's picture is found again by, as `ImageRow` has it, and the original's width times height."""

    raw_sha256: str
    phash: str
    phash256: str
    clear_bits: int
    trimmed_phash: str
    trimmed_phash256: str
    trimmed_clear_bits: int
    pixels: int
    tones: bytes
    trimmed_tones: bytes


class SelectedRow(NamedTuple):
    """One sample to pack: its key, text, metadata (canonical JSON), lineage, hashes, and where its image bytes lie."""

    key: str
    caption: str
    metadata: str
    lineage: LineageRow
    hashes: ImageHashes
    staging: str
    staging_offset: int
    staging_length: int


class Contender(NamedTuple):
    """A candidate that passed every filter, with its image and its place among duplicates."""

    screened: ScreenedRow
    image: ImageRow
    cluster: ClusterRow
    verdicts: list[Verdict]


class Chosen(NamedTuple):
    """A contender that won, on its way to being packed: the end of its story, its sample, and what ranks it.

    ``pixels`` are the original's, ``morphemes`` the caption's, ``listed`` says whether its page links to the image's
    own, ``consent`` is a grade of `filters.rights`.
    """

    outcome: OutcomeRow
    sample: SelectedRow
    pixels: int
    listed: bool
    morphemes: int
    consent: int


class ConceptCount(NamedTuple):
    """How many samples name a concept; where ``name`` is empty, how many name any concept of the category."""

    category: str
    name: str
    samples: int


class EvaluationImage(NamedTuple):
    """One image of an evaluation set, as `ImageRow` has its hashes; empty where they are not known.

    ``item`` is its place in the set. ``problem`` is what keeps it from being read.
    """

    set_name: str
    item: str
    raw_sha256: str
    stored_sha256: str
    phash: str
    phash256: str
    clear_bits: int
    trimmed_phash: str
    trimmed_phash256: str
    trimmed_clear_bits: int
    problem: str


class EvaluationCaption(NamedTuple):
    """One caption of an evaluation set by its `filters.evaluation.caption_id`."""

    set_name: str
    item: str
    caption_id: int


class EvaluationHit(NamedTuple):
    """An image that is in or near an evaluation set, or (``candidate_id`` set) a candidate with one of its captions.

    ``cluster`` is the image's, once it is known. ``exact`` says that the bytes, or the captions, are the same.
    Distances are in bits of 64 and of 256; -1 where only the pHash of the evaluation image is known.
    """

    image_url: str
    candidate_id: str
    cluster: str
    set_name: str
    item: str
    exact: bool
    distance: int
    verify_distance: int
