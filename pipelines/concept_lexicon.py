"""The concepts a run looks for: the shipped lexicon and the files a workflow adds to it."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from filters.concepts import Concept, lexicon, parse_lexicon
from pipelines import storage
from pipelines.errors import InputRefused
from schemas.identity import sha256_hex


class Concepts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``concepts`` section of a workflow.

    ``lexicons`` are paths of files in the form of the shipped ones (`filters.concepts.parse_lexicon`), one category a
    file; their entries are added to the shipped ones.
    """

    lexicons: tuple[str, ...] = ()


class AddedConcepts(NamedTuple):
    """What a workflow adds to the shipped lexicon: the entries, and the sha256 of each file they come from."""

    entries: tuple[Concept, ...]
    digests: tuple[str, ...]

    def categories(self) -> dict[str, str]:
        """Return the category of every concept, shipped or added, by its name."""
        return {concept.name: concept.category for concept in (*lexicon(), *self.entries)}


NOTHING_ADDED: Final = AddedConcepts((), ())


def read_added(concepts: Concepts) -> AddedConcepts:
    """Return what the files of ``concepts`` add.

    Raises:
        InputRefused: a file is missing, is not UTF-8 or not in the form of a lexicon, or adds a name that is there.
    """
    known = {concept.name for concept in lexicon()} if concepts.lexicons else set()
    entries: list[Concept] = []
    digests = []
    for path in concepts.lexicons:
        where = f"concepts.lexicons: {path}"
        try:
            data = storage.read_bytes(path)
            added = parse_lexicon(path, data.decode("utf-8"))
        except OSError as error:
            raise InputRefused(f"{where}: cannot be read ({error.strerror or error}); mend the path") from error
        except UnicodeDecodeError as error:
            raise InputRefused(f"{where}: is not UTF-8 text; save it as UTF-8") from error
        except ValueError as error:
            raise InputRefused(f"concepts.lexicons: {error}; mend the line") from error
        for concept in added:
            if concept.name in known:
                raise InputRefused(f"{where}: {concept.name} is an entry already; remove its line or rename it")
            known.add(concept.name)
        entries += added
        digests.append(sha256_hex(data))
    return AddedConcepts(tuple(entries), tuple(digests))
