"""Train the classifier of native and translated text from labelled text files, and write its card.

The same files give the same bytes. fastText fills only a tenth of its first weights when it runs on one thread and
takes the rest as memory happens to hold them; so its own n-grams are off (they would be such weights), the n-grams are
words of the text it reads, and every word's first vector is given to it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import fasttext
import numpy as np
from numpy.typing import NDArray

from filters.clean import clean
from filters.morphology import Morpheme, analyze
from filters.style_tokens import style_ngrams, style_tokens
from filters.translated import MODEL_FILE, TRANSLATED_LABEL, score_with
from pipelines.errors import InputRefused, StageFailed
from pipelines.storage import write_bytes
from pipelines.train_card import Figures, Row, SourceFigures, card

NATIVE: Final = "native"
TRANSLATED: Final = "translated"
CARD_FILE: Final = "MODEL_CARD.md"
MAX_MODEL_BYTES: Final = 1 << 20

PER_CLASS: Final = 8_000
"""Texts a class: so many that the sources of one class can be given equal weight without repeating a line often."""
MIN_MORPHEMES: Final = 4
MIN_TEXTS: Final = 5
"""A feature is learned if it stands in this many texts."""
MIN_LINES: Final = 500
"""Fewest lines a class; fewer give too few features to quantize."""
_DIMENSIONS: Final = 8
_EPOCHS: Final = 10
_RATE: Final = 0.2
_KEPT_WORDS: Final = 3
_HELD_BACK: Final = 10
"""One line in ten is kept from the models that are measured; the model that is shipped is trained on it too."""


class Labelled(NamedTuple):
    """One labelled text with its morphemes."""

    translated: bool
    source: str
    text: str
    tokens: tuple[Morpheme, ...]


def read_labelled(paths: Sequence[Path]) -> tuple[list[Labelled], list[Row]]:
    """Return the labelled texts of ``paths``, cleaned, each once, and what the card says of each file.

    A file is UTF-8 with a text a line: ``native`` or ``translated``, a tab, the name of its source, a tab, the text.
    Lines that begin with ``#`` are notes (where the texts come from, their licence) and go to the card.

    Raises:
        InputRefused: a file cannot be read, is not UTF-8, or has a line of another shape.
    """
    found: dict[tuple[bool, str, str], None] = {}
    files: list[Row] = []
    for path in paths:
        try:
            data = path.read_bytes()
            lines = data.decode("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputRefused(f"{path}: cannot be read as UTF-8 text ({error}); mend the path or the file") from error
        notes: list[str] = []
        for number, line in enumerate(lines, 1):
            if line.startswith("#"):
                notes.append(line.lstrip("# ").rstrip())
            elif line.strip():
                found[_labelled(path, number, line)] = None
        texts = sum(bool(line.strip()) and not line.startswith("#") for line in lines)
        files.append(Row(path.name, texts, hashlib.sha256(data).hexdigest(), tuple(notes)))
    keys = [key for key in found if key[2]]
    analyses = analyze([text for _, _, text in keys])
    rows = [Labelled(*key, analysis.tokens) for key, analysis in zip(keys, analyses, strict=True)]
    return [row for row in rows if len(row.tokens) >= MIN_MORPHEMES], files


def _labelled(path: Path, number: int, line: str) -> tuple[bool, str, str]:
    label, _, rest = line.partition("\t")
    source, tab, text = rest.partition("\t")
    if label not in (NATIVE, TRANSLATED) or not source.strip() or not tab or "\t" in text:
        raise InputRefused(
            f"{path}:{number}: not a labelled text; write '{NATIVE}' or '{TRANSLATED}', a tab, a source, a tab, a text"
        )
    return label == TRANSLATED, source.strip(), clean(text).text


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("\t".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()


def _crop(row: Labelled, turn: int) -> tuple[Morpheme, ...]:
    """Return a run of whole words of a text, chosen by its digest; the whole of a text of up to `_KEPT_WORDS` words."""
    tokens = row.tokens
    starts = [0]
    ends = 0
    for index, token in enumerate(tokens):
        if index and token.start > ends:
            starts.append(index)
        ends = max(ends, token.start + token.length)
    words = len(starts)
    if words <= _KEPT_WORDS:
        return tokens
    digest = _digest("crop", turn, row.source, row.text)
    length = 2 + int.from_bytes(digest[:4], "big") % (words - 2)
    first = int.from_bytes(digest[4:8], "big") % (words - length + 1)
    stop = starts[first + length] if first + length < words else len(tokens)
    return tokens[starts[first] : stop]


def _spread(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Return how many texts each source gives: equal shares of ``total``, at most two a line."""
    quotas: dict[str, int] = {}
    for index, source in enumerate(sorted(sizes, key=lambda name: (sizes[name], name))):
        quotas[source] = min(2 * sizes[source], total // (len(sizes) - index))
        total -= quotas[source]
    return quotas


def balanced(rows: Iterable[Labelled]) -> list[tuple[bool, tuple[Morpheme, ...]]]:
    """Return texts to train on: sources of a class in equal shares, and as many of each length in both classes.

    Half of the texts, and every text taken a second time, are cut to a run of their words, so that neither length nor
    the end of a sentence tells the classes apart. The choice and the order follow from digests of the texts.
    """
    by_source: dict[bool, dict[str, list[Labelled]]] = {False: defaultdict(list), True: defaultdict(list)}
    for row in rows:
        by_source[row.translated][row.source].append(row)
    bins: dict[int, tuple[list[tuple[bytes, Any]], list[tuple[bytes, Any]]]] = defaultdict(lambda: ([], []))
    for label, sources in by_source.items():
        quotas = _spread({source: len(lines) for source, lines in sources.items()}, PER_CLASS)
        for source, lines in sources.items():
            lines.sort(key=lambda row: _digest("line", row.text))
            for index in range(quotas[source]):
                turn, place = divmod(index, len(lines))
                row = lines[place]
                digest = _digest("order", turn, label, source, row.text)
                tokens = _crop(row, turn) if turn or digest[-1] & 1 else row.tokens
                if len(tokens) >= MIN_MORPHEMES:
                    bins[min(12, int(2 * np.log2(len(tokens))))][label].append((digest, tokens))
    chosen: list[tuple[bytes, bool, tuple[Morpheme, ...]]] = []
    for pair in bins.values():
        count = min(map(len, pair))
        for label in (False, True):
            chosen += [(digest, label, tokens) for digest, tokens in sorted(pair[label])[:count]]
    return [(label, tokens) for _, label, tokens in sorted(chosen)]


def fit(examples: Sequence[tuple[bool, tuple[Morpheme, ...]]]) -> Any:
    """Return a quantized fastText model of ``examples``.

    Raises:
        StageFailed: fastText could not train on them.
    """
    texts = [(label, list(style_ngrams(style_tokens(tokens)))) for label, tokens in examples]
    counts = Counter(feature for _, features in texts for feature in set(features))
    known = sorted(feature for feature, count in counts.items() if count >= MIN_TEXTS)
    first = np.random.RandomState(0).uniform(-1 / _DIMENSIONS, 1 / _DIMENSIONS, (len(known) + 1, _DIMENSIONS))
    kept = set(known)
    with tempfile.TemporaryDirectory() as folder:
        vectors, lines = Path(folder, "first.vec"), Path(folder, "texts.txt")
        rows = (
            f"{word} {' '.join(f'{value:.6f}' for value in row)}"
            for word, row in zip(["</s>", *known], first, strict=True)
        )
        vectors.write_text(f"{len(known) + 1} {_DIMENSIONS}\n" + "\n".join(rows) + "\n", "utf-8")
        written = (
            f"{TRANSLATED_LABEL if label else '__label__native'} {' '.join(word for word in features if word in kept)}"
            for label, features in texts
        )
        lines.write_text("\n".join(written) + "\n", "utf-8")
        try:
            model = fasttext.train_supervised(
                str(lines), dim=_DIMENSIONS, epoch=_EPOCHS, lr=_RATE, wordNgrams=1, minCount=1, bucket=0, maxn=0,
                thread=1, verbose=0, pretrainedVectors=str(vectors),
            )  # fmt: skip
            model.quantize(thread=1, verbose=0)
        except (RuntimeError, ValueError) as error:
            raise StageFailed(f"fastText could not train on {len(texts)} texts: {error}") from error
    return model


def scores(model: Any, texts: Sequence[tuple[Morpheme, ...]]) -> NDArray[np.float64]:
    """Return the probability of translation of each text, 0 to 1; 0.5 where no feature is known."""
    found = (score_with(model, tokens) for tokens in texts)
    return np.array([0.5 if score is None else score for score in found], dtype=np.float64)


def auroc(translated: NDArray[np.float64], native: NDArray[np.float64]) -> float:
    """Return the probability that a translated text scores above a native one, ties counted half; NaN without texts.

    The Mann-Whitney statistic over the product of the class sizes.
    """
    if not len(translated) or not len(native):
        return float("nan")
    ordered = np.sort(native)
    below = np.searchsorted(ordered, translated, "left").sum()
    upto = np.searchsorted(ordered, translated, "right").sum()
    return float(below + upto) / 2 / (len(translated) * len(native))


def _held_back(row: Labelled) -> bool:
    return _digest("hold", row.text)[0] % _HELD_BACK == 0


def leave_one_out(rows: Sequence[Labelled]) -> list[SourceFigures]:
    """Return, for each source, what a model that saw none of it makes of it.

    The AUROC is taken against lines of the other class that were held back from the same model. A source without
    which a class has under `MIN_LINES` lines is passed over.
    """
    figures: list[SourceFigures] = []
    for label, source in sorted({(row.translated, row.source) for row in rows}):
        seen = [row for row in rows if row.source != source and not _held_back(row)]
        if min(sum(row.translated == other for row in seen) for other in (False, True)) < MIN_LINES:
            continue
        model = fit(balanced(seen))
        own = scores(model, [row.tokens for row in rows if row.source == source and row.translated == label])
        others = [row for row in rows if row.translated != label and row.source != source and _held_back(row)]
        other = scores(model, [row.tokens for row in others])
        figures.append(SourceFigures(source, label, own, auroc(own, other) if label else auroc(other, own)))
    return figures


def held_out_figures(model: Any, rows: Sequence[Labelled]) -> list[SourceFigures]:
    """Return what ``model`` makes of sources it never saw; the AUROC where a source has texts of both classes."""
    figures: list[SourceFigures] = []
    for source in sorted({row.source for row in rows}):
        native, translated = (
            scores(model, [row.tokens for row in rows if row.source == source and row.translated == label])
            for label in (False, True)
        )
        area = auroc(translated, native)
        figures += [
            SourceFigures(source, label, found, area)
            for label, found in ((False, native), (True, translated))
            if len(found)
        ]
    return figures


def train(paths: Sequence[Path], out: Path, held_out: Sequence[Path] = ()) -> Figures:
    """Train from ``paths``, write ``out/translated.ftz`` and ``out/MODEL_CARD.md``, and return the card's figures.

    Args:
        paths: labelled files to train from, as `read_labelled` reads them.
        out: a folder; made where it is missing.
        held_out: labelled files of sources that are only measured. None of their sources may be in ``paths``.

    Raises:
        InputRefused: a file is unreadable or misshapen, a class is missing or has under `MIN_LINES` lines, a source is
            both trained on and held out, or ``out`` cannot be made.
        StageFailed: fastText could not train, or the model is larger than `MAX_MODEL_BYTES`.
    """
    rows, files = read_labelled(paths)
    measured, held_files = read_labelled(held_out)
    for label in (False, True):
        count = sum(row.translated == label for row in rows)
        if count < MIN_LINES:
            name = TRANSLATED if label else NATIVE
            raise InputRefused(f"{count} usable lines labelled '{name}'; give at least {MIN_LINES}")
    both = sorted({row.source for row in rows} & {row.source for row in measured})
    if both:
        raise InputRefused(f"source {both[0]} is both trained on and held out; give it to one of the two")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputRefused(f"{out}: cannot be made a folder ({error}); give another one or mend its rights") from error
    trial = fit(balanced(row for row in rows if not _held_back(row)))
    back = [row for row in rows if _held_back(row)]
    native, translated = (
        scores(trial, [row.tokens for row in back if row.translated == label]) for label in (False, True)
    )
    model = fit(balanced(rows))
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder, MODEL_FILE)
        model.save_model(str(stored))
        data = stored.read_bytes()
    if len(data) > MAX_MODEL_BYTES:
        raise StageFailed(f"the model has {len(data)} bytes, more than {MAX_MODEL_BYTES}; give fewer texts")
    figures = Figures(
        hashlib.sha256(data).hexdigest(), len(data), tuple(files), tuple(held_files), auroc(translated, native),
        tuple(leave_one_out(rows)), tuple(held_out_figures(model, measured)),
    )  # fmt: skip
    write_bytes(str(out / MODEL_FILE), data)
    write_bytes(str(out / CARD_FILE), card(figures).encode())
    return figures
