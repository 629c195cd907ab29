"""The model card of the translation classifier: what it was trained from, and how little or much it can tell."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

THRESHOLDS: Final = (0.8, 0.9, 0.95)


class Row(NamedTuple):
    """One labelled file: its name, its number of texts, its SHA-256, and its notes."""

    name: str
    texts: int
    sha256: str
    notes: tuple[str, ...]


class SourceFigures(NamedTuple):
    """Scores (0 to 1) of one source's texts of one class by a model that saw none of it, and their AUROC or NaN."""

    source: str
    translated: bool
    scores: NDArray[np.float64]
    auroc: float


class Figures(NamedTuple):
    """What the card says: the model's digest and bytes, its files, and its figures in and out of domain."""

    sha256: str
    size: int
    files: tuple[Row, ...]
    held_files: tuple[Row, ...]
    in_domain: float
    left_out: tuple[SourceFigures, ...]
    held_out: tuple[SourceFigures, ...]


def table(rows: Iterable[SourceFigures]) -> str:
    """Return a Markdown table of ``rows``: source, class, texts, AUROC, and the share above each threshold."""
    head = ["source", "class", "texts", "AUROC", *(f"> {threshold}" for threshold in THRESHOLDS)]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for source, translated, scores, auroc in rows:
        shares = [f"{100 * float((scores > threshold).mean()):.1f} %" for threshold in THRESHOLDS]
        area = "-" if np.isnan(auroc) else f"{auroc:.3f}"
        lines.append(" | ".join([source, "translated" if translated else "native", str(len(scores)), area, *shares]))
    return "\n".join(f"| {line} |" for line in lines)


def _files(rows: Iterable[Row]) -> str:
    return "\n".join(
        "\n".join(
            [f"- `{row.name}`: {row.texts} texts, SHA-256 `{row.sha256}`", *(f"  - {note}" for note in row.notes)]
        )
        for row in rows
    )


def card(figures: Figures) -> str:
    """Return the model card as Markdown."""
    return f"""# translated.ftz: native or translated Korean

Says how likely a Korean text was translated into Korean, from its particles, endings, adverbs, pronouns, signs and
word boundaries; what the text is about is taken out before the model reads it (`filters/style_tokens.py`).

- Model: fastText, supervised, quantized, {figures.size} bytes, SHA-256 `{figures.sha256}`
- Trained from nothing on one thread by `pipelines.train`, with no pretrained weights, with fasttext-numpy2-wheel
  {version("fasttext-numpy2-wheel")} and kiwipiepy {version("kiwipiepy")}. The same files give the same bytes with these
  versions on one kind of processor; another may round the last bit otherwise.
- Use: a weak sign among others. Short texts are *unknown*; a high score is not proof.

## Data

Trained on:

{_files(figures.files)}

Only measured, never trained on:

{_files(figures.held_files) or "- nothing"}

None of the texts is in this repository.

## Figures

In domain (a tenth of the lines, of the sources trained on, held back): AUROC {figures.in_domain:.3f}. This measures
the sources as much as the style: do not expect it elsewhere.

Left out in turn: each row is a source, scored by a model that saw none of it, against held-back lines of the other
class. The last columns are the shares scored above a threshold: errors for native texts, finds for translated ones.

{table(figures.left_out)}

Sources the shipped model never saw, one AUROC a source where it has both classes:

{table(figures.held_out)}

Translated means here: by machine from English (KorSTS), by people from English (manuals, KorSTS test lines), or by
machine to another language and back (the policy pairs). The model was not shown translations of recent systems.
Genre and origin go together in what it was trained on, so part of every figure is genre; talk (`airbnb`, `nsmc`,
`parakqc`) is called translated too often where the model saw none of its kind.
"""
