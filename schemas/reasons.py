"""The closed vocabulary of outcomes and drop reasons.

A reason is what an auditor reads in the ledger, so a code never changes its meaning; a new rule gets a new code.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What became of a record. ``UNKNOWN`` means the evidence was missing; the workflow says what that leads to."""

    KEEP = "keep"
    DROP = "drop"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """The stages in the order they run."""

    CRAWL = "crawl"
    EXTRACT = "extract"
    SCREEN = "screen"
    FETCH = "fetch"
    DEDUPE = "dedupe"
    SELECT = "select"
    PACK = "pack"


class Reason(StrEnum):
    """Why a record was left out. Grouped by the stage that decides it."""

    # Reading a source: the unit that failed (file, record, page, table row) has one ledger row of its own.
    SOURCE_MISSING = "source_missing"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_COUNT_WRONG = "source_count_wrong"
    RECORD_UNREADABLE = "record_unreadable"
    PAGE_UNDECODABLE = "page_undecodable"
    PAGE_UNPARSABLE = "page_unparsable"
    PAGE_OPTED_OUT = "page_opted_out"
    PAGE_IDENTIFIER = "page_identifier"
    TABLE_ROW_INVALID = "table_row_invalid"
    URL_REFUSED = "url_refused"
    URL_IDENTIFIER = "url_identifier"
    DOWNLOAD_FAILED = "download_failed"
    IMAGE_MISSING = "image_missing"

    # Judging the text.
    DUPLICATE_CANDIDATE = "duplicate_candidate"
    CAPTION_MISSING = "caption_missing"
    CAPTION_TOO_SHORT = "caption_too_short"
    CAPTION_TOO_LONG = "caption_too_long"
    CAPTION_FILE_NAME = "caption_file_name"
    CAPTION_BOILERPLATE = "caption_boilerplate"
    CAPTION_NOT_KOREAN = "caption_not_korean"
    CAPTION_NO_CONTENT_NOUN = "caption_no_content_noun"
    CAPTION_IDENTIFIER = "caption_identifier"
    CAPTION_SPAM = "caption_spam"
    CAPTION_ABUSE = "caption_abuse"
    CAPTION_INVALID_TEXT = "caption_invalid_text"
    CAPTION_MOJIBAKE = "caption_mojibake"
    CAPTION_URL = "caption_url"
    CAPTION_NUMBERS = "caption_numbers"
    CAPTION_REPETITIVE = "caption_repetitive"
    CAPTION_TOO_FREQUENT = "caption_too_frequent"
    CAPTION_TEMPLATED = "caption_templated"
    CAPTION_UNKNOWN_WORDS = "caption_unknown_words"
    CAPTION_REMARK = "caption_remark"
    CAPTION_WEAK_SOURCE = "caption_weak_source"
    CAPTION_TRANSLATED = "caption_translated"

    # Getting a page or an image.
    ROBOTS_DISALLOWED = "robots_disallowed"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    OPTED_OUT = "opted_out"
    OPT_OUT_LISTED = "opt_out_listed"
    ADDRESS_REFUSED = "address_refused"
    HOST_UNRESOLVED = "host_unresolved"
    CONNECTION_FAILED = "connection_failed"
    TIMED_OUT = "timed_out"
    HTTP_STATUS = "http_status"
    REDIRECT_REFUSED = "redirect_refused"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BODY_TOO_LARGE = "body_too_large"
    BODY_INVALID = "body_invalid"
    HOST_SET_ASIDE = "host_set_aside"

    # Decoding an image.
    IMAGE_FORMAT_REFUSED = "image_format_refused"
    IMAGE_TOO_MANY_PIXELS = "image_too_many_pixels"
    IMAGE_UNDECODABLE = "image_undecodable"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMED_OUT = "decoder_timed_out"

    # Choosing among what is left.
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_ASPECT = "image_aspect"
    IMAGE_BLANK = "image_blank"
    IMAGE_BLURRED = "image_blurred"
    IMAGE_LOW_ENTROPY = "image_low_entropy"
    IMAGE_BORDERED = "image_bordered"
    IMAGE_SCREENSHOT = "image_screenshot"
    IMAGE_ICON = "image_icon"
    IMAGE_GREY = "image_grey"
    DUPLICATE_EXACT = "duplicate_exact"
    DUPLICATE_NEAR = "duplicate_near"
    DUPLICATE_RELEASED = "duplicate_released"
    NEAR_EVALUATION_IMAGE = "near_evaluation_image"
    EVALUATION_CAPTION = "evaluation_caption"
    CAPTION_REPEATED = "caption_repeated"
    CAPTION_NEAR_REPEATED = "caption_near_repeated"
    TAKEDOWN = "takedown"
    CONCEPT_BALANCED = "concept_balanced"

    # The evidence a filter needs is missing, and the workflow drops what is unknown.
    UNKNOWN = "unknown"
    # Code of ours raised on this one record; the message is in the row's detail.
    RECORD_RAISED = "record_raised"


NO_REASON: Final = ""
"""The reason of a record that was not dropped."""


_TRANSIENT: Final = frozenset(
    {
        Reason.ROBOTS_UNREACHABLE,
        Reason.HOST_UNRESOLVED,
        Reason.CONNECTION_FAILED,
        Reason.TIMED_OUT,
        Reason.BODY_INVALID,
        Reason.HOST_SET_ASIDE,
    }
)
"""What may end otherwise at another time. ``BODY_INVALID`` is mostly a body that broke off."""


def is_transient(reason: str, http_status: int | None) -> bool:
    """Tell whether a fetch that ended so is worth repeating: never where somebody refused, or the content was bad.

    Of statuses these are request timeout, too early, too many requests (RFC 9110, 8470, 6585) and server errors.
    """
    if reason == Reason.HTTP_STATUS:
        return http_status is not None and (http_status in (408, 425, 429) or http_status >= 500)
    return reason in _TRANSIENT
