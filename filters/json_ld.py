"""Images with their texts in JSON-LD, the structured data of schema.org that news and shop pages carry."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

MAX_CHARACTERS: Final = 1_000_000
"""Longer blocks are passed over: they are product feeds, and their cost is memory."""

_MAX_NODES: Final = 50_000
_CAPTIONS: Final = ("caption", "name", "description")
_IMAGES: Final = ("image", "photo", "primaryImageOfPage")
# The name of these things says what their picture shows. An article's or a site's name does not.
_SUBJECTS: Final = re.compile(
    "Book|City|Event|Festival|FoodEstablishment|LandmarksOrHistoricalBuildings|Mountain|Movie|Museum|Painting|Park"
    "|Person|Photograph|Place|Product|Recipe|Restaurant|Sculpture|TouristAttraction|VisualArtwork"
)
_TRAILING_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_WRAPPING: Final = re.compile(r"\A\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)?[\s;]*\Z")


class JsonImage(NamedTuple):
    """One image: its URL as written, and (JSON pointer, text) of each text about it."""

    url: str
    captions: tuple[tuple[str, str], ...]


def images_in(text: str) -> list[JsonImage]:
    """Return the images of one JSON-LD block in document order; an empty list where it cannot be read.

    Read are ImageObjects (contentUrl or url; caption, name, description), wherever they are nested, and the images of
    things whose name tells what is to be seen, such as a Product or a TouristAttraction. Logos are left out. Comment
    and CDATA wrappers, trailing commas and raw control characters are tolerated.
    """
    if len(text) > MAX_CHARACTERS:
        return []
    found: list[JsonImage] = []
    stack: list[tuple[str, Any, str]] = [("", _load(text), "")]
    for _ in range(_MAX_NODES):
        if not stack:
            break
        pointer, value, subject = stack.pop()
        if isinstance(value, list):
            stack.extend((f"{pointer}/{i}", item, subject) for i, item in reversed(list(enumerate(value))))
        elif isinstance(value, dict):
            _read(found, stack, pointer, value, subject)
        elif isinstance(value, str) and subject:
            found.append(JsonImage(value, ((pointer, subject),)))
    return found


def _read(
    found: list[JsonImage], stack: list[tuple[str, Any, str]], pointer: str, value: dict[str, Any], subject: str
) -> None:
    kinds = value.get("@type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "ImageObject" in kinds or subject:
        url = next((value[key] for key in ("contentUrl", "url") if isinstance(value.get(key), str)), "")
        captions = [(f"{pointer}/{key}", value[key]) for key in _CAPTIONS if isinstance(value.get(key), str)]
        if subject:
            captions.append((pointer, subject))
        if url and captions:
            found.append(JsonImage(url, tuple(captions)))
    name = value.get("name")
    is_subject = any(isinstance(kind, str) and _SUBJECTS.fullmatch(kind) for kind in kinds)
    own = name if isinstance(name, str) and is_subject else ""
    for key, item in reversed(list(value.items())):
        passed_on = own if key in _IMAGES else ""
        if key != "logo" and (isinstance(item, dict | list) or passed_on):
            stack.append((f"{pointer}/{_escape(key)}", item, passed_on))


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")  # RFC 6901, section 3


def _load(text: str) -> Any:
    text = _WRAPPING.sub("", text)
    for attempt in (text, _TRAILING_COMMA.sub("", text)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None
