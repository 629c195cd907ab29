"""Native or translated: figures on sources left out, of the model and of its rivals.

    python tests/bench/translated_auc.py             prints the tables
    python tests/bench/translated_auc.py --write DIR writes the labelled files that the shipped model is trained from

The corpora are read from $HARUBANG_DATA and are no part of this repository.
"""

from __future__ import annotations

import argparse
import csv
import html
import os
import re
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import minimize

from filters.caption_corpus import CountedCorpus
from filters.caption_engine import CaptionInput, judge
from filters.charset import decode_page
from filters.harvest import harvest
from filters.style_tokens import style_ngrams, style_tokens
from filters.translated import CaptionTranslated
from pipelines.train import Labelled, auroc, balanced, fit, held_out_figures, leave_one_out, read_labelled, scores
from pipelines.train_card import table
from schemas.reasons import Outcome

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
KLUE = "KLUE (KLUE-benchmark/KLUE 3efd9870), CC BY-SA 4.0"
KORSTS = "KorSTS (kakaobrain/kor-nlu-datasets 0df0fe7d), CC BY-SA 4.0"
NSMC = "NSMC film reviews (e9t/nsmc cc0670e8), CC0"
SITES = {
    "egovframe": "captions of the eGovFrame documentation (eGovFramework/egovframe-docs d40097e7), no licence stated",
    "gimp_help_ko": "the Korean GIMP manual 2.10.34, translated by people, GFDL-1.2 or GPL-2+",
    "apache_manual_ko_euckr": "the Korean Apache httpd manual 2.4.71, translated by people, Apache-2.0",
    "debian": "the Korean Debian FAQ 11.1 (GPL-2+) and Administrator's Handbook 11 (GPL-2+ or CC BY-SA 3.0), "
    "translated by people",
}
KORSTS_GENRES = {
    **dict.fromkeys(["MSRvid", "images", "track5.en-en"], "korsts_captions"),
    **dict.fromkeys(["answers-forums", "deft-forum"], "korsts_forum"),
}
_HANGUL = re.compile("[가-힣]")


def tsv(name):
    # Quotation marks stand in the texts.
    with (DATA / "text" / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def pages(site):
    for path in sorted((DATA / "sites" / site / "site").rglob("*.htm*")):
        page = decode_page(path.read_bytes(), "text/html")
        if page is not None:
            yield f"http://{site}.kr/{path.name}", page.text


def captions(site):
    """Yield the captions that the engine keeps of a site."""
    inputs = []
    for url, text in pages(site):
        found = harvest(text, url)
        inputs += [CaptionInput(image.captions, found.title, url, image.url) for image in found.images]
    kept = {j.caption: None for j in judge(inputs, evidence=CountedCorpus(inputs)) if j.outcome == Outcome.KEEP}
    yield from kept


def sentences(site):
    """Yield the Korean sentences of a site's paragraphs and lists."""
    for _, text in pages(site):
        for match in re.finditer(r"<(p|li|dd)\b[^>]*>(.*?)</\1>", text, re.DOTALL):
            plain = " ".join(html.unescape(re.sub(r"<[^>]+>", "", match[2])).split())
            for sentence in re.split(r"(?<=[.?!])\s+", plain):
                if len(_HANGUL.findall(sentence)) >= max(8, 0.4 * len(sentence)):
                    yield sentence


def policy_rows():
    for row in tsv("klue_sts_policy_native_vs_rtt.tsv"):
        if "policy" in row["source"]:
            source = "policy_round_trip" if row["source"] == "policy-rtt" else "policy_other"
            yield "native" if row["origin"] == "native" else "translated", source, row["text"]
    yield from (("native", "policy_other", r["text"]) for r in tsv("klue_nli_native.tsv") if r["source"] == "policy")


def klue_rows():
    for row in tsv("klue_nli_native.tsv"):
        if row["source"] != "policy":
            yield "native", row["source"].lower(), row["text"]
    for name in ("klue_ner_native.tsv", "klue_dp_native.tsv"):
        for row in tsv(name):
            yield "native", re.split("[-_]", row["guid"])[-1].lower(), row["text"]
    for row in tsv("klue_sts_policy_native_vs_rtt.tsv"):
        if "paraKQC" in row["source"]:
            yield "native", "parakqc", row["text"]


def korsts_rows():
    for name in ("korsts_captions_mt_vs_ht.tsv", "korsts_news_forum_mt_vs_ht.tsv"):
        for row in tsv(name):
            yield "translated", KORSTS_GENRES.get(row["source"], "korsts_news"), row["text"]


def files():
    """Return, by file name, the note on where its lines come from and its lines; those to train on come first."""
    debian = [("translated", "debian", s) for site in ("debian_faq_ko", "debian_handbook_ko") for s in sentences(site)]
    train = {
        "nsmc.tsv": (NSMC, (("native", "nsmc", row["text"]) for row in tsv("nsmc_reviews_native.tsv"))),
        "klue.tsv": (KLUE, klue_rows()),
        "korsts.tsv": (KORSTS, korsts_rows()),
        "debian.tsv": (SITES["debian"], debian),
        "egovframe.tsv": (SITES["egovframe"], (("native", "egovframe", c) for c in captions("egovframe"))),
    }
    held = {
        "policy.tsv": (KLUE, policy_rows()),
        "gimp.tsv": (
            SITES["gimp_help_ko"],
            [("translated", "gimp_captions", c) for c in captions("gimp_help_ko")]
            + [("translated", "gimp_text", s) for s in sentences("gimp_help_ko")],
        ),
        "apache.tsv": (
            SITES["apache_manual_ko_euckr"],
            (("translated", "apache_text", s) for s in sentences("apache_manual_ko_euckr")),
        ),
    }
    return train, held


def write(folder):
    """Write the labelled files to ``folder``/train and ``folder``/held_out; return the two lists of paths."""
    groups = []
    for name, group in zip(("train", "held_out"), files(), strict=True):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for file, (note, rows) in group.items():
            lines = (f"{label}\t{source}\t{' '.join(text.split())}" for label, source, text in rows)
            (place / file).write_text("\n".join([f"# {note}", *lines]) + "\n", "utf-8")
        groups.append(sorted(place.glob("*.tsv")))
    return groups


def logistic(examples, strength=0.3):
    """Return a scoring function: L2 logistic regression on the same features, each present or not, unit length."""
    texts = [set(style_ngrams(style_tokens(tokens))) for _, tokens in examples]
    counts = Counter(feature for text in texts for feature in text)
    place = {f: i for i, f in enumerate(sorted(f for f in counts if counts[f] >= 5))}

    def matrix(texts):
        rows = [sorted(place[f] for f in text if f in place) for text in texts]
        ends = np.cumsum([0, *map(len, rows)])
        shape = (len(rows), len(place))
        found = sparse.csr_matrix((np.ones(ends[-1]), np.concatenate(rows).astype(int), ends), shape=shape)
        return sparse.diags(1 / np.sqrt(np.maximum(np.diff(ends), 1))) @ found

    x, y = matrix(texts), np.array([1 if label else -1 for label, _ in examples])

    def loss(w):
        margin = y * (x @ w[:-1] + w[-1])
        slope = -y / (1 + np.exp(margin))
        value = np.logaddexp(0, -margin).sum() + w[:-1] @ w[:-1] / 2 / strength
        return value, np.append(x.T @ slope + w[:-1] / strength, slope.sum())

    w = minimize(loss, np.zeros(len(place) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return lambda rows: 1 / (1 + np.exp(-(matrix([set(style_ngrams(style_tokens(t))) for t in rows]) @ w[:-1] + w[-1])))


def area(score, rows):
    native, translated = ([r.tokens for r in rows if r.translated == label] for label in (False, True))
    return auroc(score(translated), score(native))


def by_length(model, rows, least=(0, 4, 8, 12, 16, 24, 40, 1000)):
    """Print the AUROC of held-out texts by their number of morphemes."""
    print("\n| morphemes | native | translated | AUROC |\n|---|---|---|---|")
    for low, high in pairwise(least):
        part = [row for row in rows if low <= len(row.tokens) < high]
        native, translated = (
            scores(model, [row.tokens for row in part if row.translated == label]) for label in (False, True)
        )
        print(f"| {low} to {high - 1} | {len(native)} | {len(translated)} | {auroc(translated, native):.3f} |")


def shares(name, model, rows):
    """Print how a source's captions are called by the filter's own rule, unknown counted as not called."""
    judge = CaptionTranslated()
    found = scores(model, [row.tokens for row in rows])
    known = np.array([len(row.tokens) >= judge.min_morphemes for row in rows])
    called = known & (found > judge.max_score)
    print(
        f"| {name} | {len(rows)} | {100 * known.mean():.1f} % | {100 * called.mean():.1f} % "
        f"| {100 * (found > judge.max_score).mean():.1f} % |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    if args.write:
        write(args.write)
        return
    with tempfile.TemporaryDirectory() as folder:
        (rows, _), (held, _) = map(read_labelled, write(Path(folder)))
    examples = balanced(rows)
    model = fit(examples)
    print(f"{len(rows)} labelled texts, {len(examples)} trained on\n\nleave one source out\n")
    print(table(leave_one_out(rows)))
    print("\nnever trained on\n")
    print(table(held_out_figures(model, held)))
    pairs = [row for row in held if row.source == "policy_round_trip"]
    print("\npolicy round-trip pairs, AUROC")
    print(f"fastText {area(lambda t: scores(model, t), pairs):.3f}")
    print(f"logistic regression {area(logistic(examples), pairs):.3f}")
    by_length(model, cropped(held))
    print("\n| captions | texts | long enough | called translated | if none were unknown |\n|---|---|---|---|---|")
    own = [row for row in rows if row.source == "egovframe"]
    shares("egovframe (native), trained on", model, own)
    without = fit(balanced(row for row in rows if row.source != "egovframe"))
    shares("egovframe (native), left out", without, own)
    shares("gimp (translated by people), never seen", model, [row for row in held if row.source == "gimp_captions"])


def cropped(rows):
    """Return the policy pairs with their beginnings of every length: what a short text tells."""
    pairs = [row for row in rows if row.source == "policy_round_trip"]
    return [
        Labelled(row.translated, row.source, row.text, row.tokens[:length])
        for row in pairs
        for length in (5, 9, 13, 18, 28, 50)
        if len(row.tokens) >= length
    ]


if __name__ == "__main__":
    main()
