"""One plain sentence for every reason, as the report shows it."""

from __future__ import annotations

from typing import Final

from schemas.reasons import Reason

REASON_TEXTS: Final[dict[Reason, str]] = {
    Reason.SOURCE_MISSING: "The source file was gone when it was to be read.",
    Reason.SOURCE_UNREADABLE: "The source file could not be read to its end.",
    Reason.SOURCE_COUNT_WRONG: "A download's own statistics count other rows than it holds.",
    Reason.RECORD_UNREADABLE: "A record of a source file was damaged.",
    Reason.PAGE_UNDECODABLE: "The page's bytes are in no character set that is supported.",
    Reason.PAGE_UNPARSABLE: "The page's markup could not be parsed within its limits.",
    Reason.PAGE_OPTED_OUT: "The page says that it may not be used for text and data mining.",
    Reason.TABLE_ROW_INVALID: "A row of a URL-caption table could not be understood.",
    Reason.DOWNLOAD_FAILED: "Whoever made the download did not get the image, for a reason that is not known here.",
    Reason.IMAGE_MISSING: "The download says that it holds the image, but it is not there or cannot be read.",
    Reason.URL_REFUSED: "The image's address is not an http or https URL that can be fetched.",
    Reason.PAGE_IDENTIFIER: "The page shows a personal identifier of a kind that may not be kept.",
    Reason.URL_IDENTIFIER: "The address holds a personal identifier of a kind that may not be kept.",
    Reason.DUPLICATE_CANDIDATE: "The same image on the same bytes of the same page was found before.",
    Reason.CAPTION_MISSING: "No text stands with the image.",
    Reason.CAPTION_TOO_SHORT: "The text is shorter than the workflow allows.",
    Reason.CAPTION_TOO_LONG: "The text is longer than the workflow allows.",
    Reason.CAPTION_FILE_NAME: "The text is a file name.",
    Reason.CAPTION_BOILERPLATE: "The text is furniture of the page: a button, a logo, a notice.",
    Reason.CAPTION_NOT_KOREAN: "Too little of the text is Korean.",
    Reason.CAPTION_NO_CONTENT_NOUN: "The text has no noun that could name something in the picture.",
    Reason.CAPTION_IDENTIFIER: "The text holds a personal identifier of a kind that may not be kept.",
    Reason.CAPTION_SPAM: "The text advertises what may not be advertised: gambling, loans, adult services.",
    Reason.CAPTION_ABUSE: "The text is abusive.",
    Reason.CAPTION_INVALID_TEXT: "The text holds code points that are no text.",
    Reason.CAPTION_MOJIBAKE: "The text was garbled by a wrong character set and cannot be restored.",
    Reason.CAPTION_URL: "The text is an address and no caption.",
    Reason.CAPTION_NUMBERS: "Most of the text is numbers.",
    Reason.CAPTION_REPETITIVE: "The text repeats itself.",
    Reason.CAPTION_TOO_FREQUENT: "The same text stands on too many images to describe one of them.",
    Reason.CAPTION_TEMPLATED: "The text is one of many on its site that differ only in a number or a name.",
    Reason.CAPTION_UNKNOWN_WORDS: "Too many of the text's words are in no dictionary.",
    Reason.CAPTION_TRANSLATED: "The text reads like a translation and not like Korean written for the page.",
    Reason.CAPTION_REMARK: "The text remarks on something and does not name what is seen.",
    Reason.CAPTION_WEAK_SOURCE: "The text stands in a place that seldom describes the image.",
    Reason.ROBOTS_DISALLOWED: "The host's robots.txt does not allow this address to be fetched.",
    Reason.ROBOTS_UNREACHABLE: "The host's robots.txt could not be had, so nothing was fetched from it.",
    Reason.OPTED_OUT: "The publisher says that this may not be used for text and data mining.",
    Reason.ADDRESS_REFUSED: "The host's network address is not a public one.",
    Reason.HOST_UNRESOLVED: "The host's name leads to no network address.",
    Reason.CONNECTION_FAILED: "The host could not be connected to, or the connection broke.",
    Reason.TIMED_OUT: "The answer took too long.",
    Reason.HTTP_STATUS: "The host answered with an error status.",
    Reason.REDIRECT_REFUSED: "A redirect led to an address that may not be asked.",
    Reason.TOO_MANY_REDIRECTS: "The redirects went on for too long.",
    Reason.BODY_TOO_LARGE: "The answer holds more bytes than the workflow allows.",
    Reason.BODY_INVALID: "The answer's body was cut off or wrongly coded.",
    Reason.HOST_SET_ASIDE: "The host failed too often and was not asked again.",
    Reason.IMAGE_FORMAT_REFUSED: "The bytes are not in an image format that is accepted.",
    Reason.IMAGE_TOO_MANY_PIXELS: "The image declares more pixels than are decoded.",
    Reason.IMAGE_UNDECODABLE: "The image is damaged or not what it claims to be.",
    Reason.DECODER_CRASHED: "The decoder died on the image.",
    Reason.DECODER_TIMED_OUT: "The decoder took too long over the image.",
    Reason.IMAGE_TOO_SMALL: "The original's shorter side is under the workflow's limit.",
    Reason.IMAGE_ASPECT: "The original is too long for its width, or too wide for its height.",
    Reason.IMAGE_BLANK: "The image is nearly one grey.",
    Reason.IMAGE_BLURRED: "The image has hardly an edge.",
    Reason.IMAGE_LOW_ENTROPY: "The image uses few grey levels.",
    Reason.IMAGE_BORDERED: "Uniform borders take most of the image.",
    Reason.IMAGE_SCREENSHOT: "The image looks like a screenshot or a picture of text.",
    Reason.IMAGE_ICON: "The image is small and of few colours, like a button or a logo.",
    Reason.IMAGE_GREY: "The image is without colour.",
    Reason.DUPLICATE_EXACT: "Another candidate with the same image bytes was kept, and this caption with it.",
    Reason.DUPLICATE_NEAR: "Another candidate with nearly the same picture was kept, and this caption with it.",
    Reason.TAKEDOWN: "A takedown names the image, its page or its host.",
    Reason.UNKNOWN: "Evidence that a filter needs is missing, and the workflow drops what is unknown.",
    Reason.RECORD_RAISED: "The program failed on this one record; the place is given.",
}
"""What each reason means to a reader who has not read the code."""


def reason_text(reason: str) -> str:
    """Return the sentence for ``reason``; an empty text for a code of another release of harubang."""
    return REASON_TEXTS.get(Reason(reason), "") if reason in Reason.__members__.values() else ""
