"""Print what deduping N new images against a release of 9 N costs, beside deduping all 10 N from scratch.

Run: ``python tests/bench/near_duplicate_increment.py [NEW] [--released N] [--folder DIR]``. Each run of the dedupe
stage is a process of its own, whose CPU seconds and peak memory are its own and its children's: the release's own, the
new images against it, all of both crawls from scratch, and the release's samples together with the new images. Two run
at a time, one a core. A release has a sample of every cluster here, and its index lists those; writing the index is
not in the dedupe stage's time. ``load`` is the machine's over the last minute: where others work too, the CPU seconds
tell more than the wall. Exit 1 if the second and the fourth differ in over 1 in 1,000 of the new images kept, or the
second costs over a quarter of the third (which small runs do: each has its own start).

The images are those of near_duplicate_scale.py, dealt to the two crawls at random, so that families span both; 1 new
image in 10 is a released one met again. In the last two runs the released ones have the first pick: the most pixels,
the smallest ids. What the fourth keeps may still differ: there a new image may tie two samples together, so that one
takes the other's place and a copy of the other alone is kept. A release has both already, and they stay; how many of
the images kept by one run only are such copies is told. The others are kept against a release only (25 and 3 of
152,062 at 300,000 before tones were compared): probably one that it dropped is met again and, of the smaller id, leads
its pHash in a sample's stead in the fourth run, where it ties in another image. In the third a dropped copy may tie a
new image too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from near_duplicate_scale import SEED, Crawl, cpu_seconds, crawl, peak_gib, write_images

from filters.near_duplicates import DuplicateRules, content_ids, first_bits, hash_words
from filters.sorted_ids import distinct_ids, find_ids
from pipelines import index_writer, storage
from pipelines.concept_counts import ConceptCounts
from pipelines.dataset import publish
from pipelines.dedupe import Matching, run_dedupe
from pipelines.hash_index import files_of, find_released, index_bytes
from pipelines.ledger import Ledger
from pipelines.stage import Attempt, StagePlan
from schemas.records import ImageHashes

NEW_BIT = 1 << 62
MOST_PIXELS = 4_000_000
RULES = DuplicateRules()
SAMPLED = "sampled"


def write_crawls(folder: Path, new: int, released: int) -> None:
    images = crawl(new + released)
    random = np.random.default_rng(SEED)
    # Spread over 62 bits, as digests are: an odd factor turns no two into one.
    ids = ((images.ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) & np.uint64(NEW_BIT - 1)).astype(np.int64)
    dealt = random.permutation(new + released)
    old, fresh = dealt[:released], dealt[released:]
    again = fresh[::10]
    same = random.choice(old, again.size, replace=False)
    fresh = np.sort(np.delete(fresh, np.s_[::10]))
    earlier = images._replace(ids=ids, pixels=images.pixels + MOST_PIXELS)
    later = images._replace(ids=ids | NEW_BIT)
    write_images(folder / "released", Crawl(*(column[old] for column in earlier)))
    met = (np.concatenate([column[fresh], other[same]]) for column, other in zip(later, earlier, strict=True))
    write_images(folder / "new", Crawl(*met))


def run(folder: Path, name: str) -> None:
    """Run the stage over one crawl or both; publish the index of the release; print what it took."""
    crawls = {
        "release": ["released"],
        "increment": ["new"],
        "scratch": ["released", "new"],
        "together": [SAMPLED, "new"],
    }
    paths = [str(path) for crawled in crawls[name] for path in sorted((folder / crawled).glob("*.parquet"))]
    images = sum(pq.read_metadata(path).num_rows for path in paths)
    root = folder / name
    against = [str(folder / "release" / "dataset")] if name == "increment" else []
    attempt = attempt_at(root, "dedupe")
    before, wall = cpu_seconds(), time.perf_counter()
    releases = find_released(against, RULES, str(root / "dataset"))
    clustered = attempt.commit(run_dedupe(attempt, paths, Matching(RULES, images, releases)), expected=images)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - before
    took = {"images": images, "wall": wall, "cpu": cpu, "peak": peak_gib(), "bytes": 0}
    ids, leaders = (
        np.concatenate(column) for column in zip(*map(cluster_ids, clustered.paths("clusters")), strict=True)
    )
    if name == "release":
        took["bytes"] = publish_index(folder, root, distinct_ids(leaders))
    else:
        storage.remove_tree(clustered.folder)
        np.save(folder / f"{name}.npy", distinct_ids(ids[(ids & NEW_BIT > 0) & (ids == leaders)]))
        order = np.argsort(ids)
        np.save(folder / f"{name}-led.npy", np.stack([ids[order], leaders[order]]))
    print(json.dumps(took))


def cluster_ids(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the content id of each image in a part of clusters, and that of its cluster's representative."""
    found = pq.read_table(path, columns=["image_url", "cluster"])
    urls = hash_words(found["image_url"].to_pylist(), 64)
    return first_bits(urls), content_ids(found["cluster"].to_pylist())


def attempt_at(root: Path, stage: str) -> Attempt:
    plan = StagePlan(stage=stage, covers={}, root=str(root))
    return Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))


def publish_index(folder: Path, root: Path, leaders: np.ndarray) -> int:
    """Publish a release that has a sample of every cluster; return the bytes of its index."""
    (folder / SAMPLED).mkdir()
    paths = []
    for path in sorted((folder / "released").glob("*.parquet")):
        rows = pq.read_table(path)
        led_by_itself, _ = find_ids(content_ids(rows["raw_sha256"].to_pylist()), leaders)
        rows = rows.filter(pa.array(led_by_itself))
        pq.write_table(rows, folder / SAMPLED / path.name)
        hashes = rows.append_column("pixels", rows["original_width"])
        selected = {"key": rows["raw_sha256"], "hashes": hashes.select(list(ImageHashes._fields)).to_struct_array()}
        place = folder / SAMPLED / f"{path.stem}.selected"
        pq.write_table(pa.table(selected), place, use_dictionary=False, compression="none")
        paths.append(str(place))
    pack = attempt_at(root, "pack")
    job = partial(index_writer.expand, paths=paths, place=pack.place, rules=RULES, samples=leaders.size)
    packed = pack.commit(pack.run(job))
    manifest = publish(
        str(root),
        packed,
        hashes=files_of(packed),
        index=index_bytes(RULES, leaders.size),
        name="bench",
        licence="other",
        ledger=Ledger(0, 0, {}, True),
        concepts=ConceptCounts((), {}),
        stages={},
        version="",
    )
    storage.remove_tree(str(root / "stages"))
    return sum(file.bytes for file in manifest.files if file.path.startswith("hashes/"))


def of_replaced(folder: Path, apart: np.ndarray) -> int:
    """Return how many of the images ``apart`` are copies of a sample whose place another took in the fourth run."""
    (ids, leaders), (others, led) = (np.load(folder / f"{name}-led.npy") for name in ("increment", "together"))
    samples = leaders[np.searchsorted(ids, apart)]
    samples = samples[samples & NEW_BIT == 0]
    return int(np.count_nonzero(led[np.searchsorted(others, samples)] != samples))


def run_alone(folder: Path, name: str) -> dict[str, Any]:
    """Run the stage in a process of its own; print and return what it took."""
    command = [sys.executable, __file__, "--one", name, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    took: dict[str, Any] = json.loads(done.stdout)
    each = took["cpu"] / took["images"] * 1e6
    told = f"{took['images']:10d} {took['wall']:8.1f} {took['cpu']:8.1f} {each:9.1f} {took['peak']:9.2f}"
    print(f"{name:>10s} {told} {os.getloadavg()[0]:6.1f}", flush=True)
    return took


def compare(folder: Path, new: int, released: int) -> bool:
    started = time.perf_counter(), cpu_seconds()
    # In a process of its own: those that are started from here count this one's memory as theirs.
    numbers = [str(new), f"--released={released}", "--folder", str(folder)]
    subprocess.run([sys.executable, __file__, *numbers, "--one", "crawls"], check=True, stderr=subprocess.DEVNULL)
    print(f"load before: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print(f"{'run':>10s} {'images':>10s} {'wall s':>8s} {'CPU s':>8s} {'us/image':>9s} {'peak GiB':>9s} {'load':>6s}")
    with ThreadPoolExecutor(2) as two:
        runs = {name: two.submit(run_alone, folder, name) for name in ("release", "scratch")}
        runs["release"].result()  # which the others read
        runs |= {name: two.submit(run_alone, folder, name) for name in ("increment", "together")}
        took = {name: running.result() for name, running in runs.items()}
    ratio, wall = (took["increment"][unit] / took["scratch"][unit] for unit in ("cpu", "wall"))
    kept = {name: np.load(folder / f"{name}.npy") for name in ("increment", "scratch", "together")}
    one_only = {
        name: np.setxor1d(kept["increment"], kept[name], assume_unique=True) for name in ("scratch", "together")
    }
    apart = {name: images.size for name, images in one_only.items()}
    samples = took["together"]["images"] - took["increment"]["images"]
    print(f"index: {took['release']['bytes'] / samples:.0f} bytes a sample, {samples} samples")
    print(f"new images kept: {kept['increment'].size} of {new}; kept by one of them only: {apart}")
    print(f"of the latter, copies of a sample that gave its place away: {of_replaced(folder, one_only['together'])}")
    print(f"increment / scratch: {ratio:.3f} of the CPU seconds, {wall:.3f} of the wall time")
    spent = time.perf_counter() - started[0], cpu_seconds() - started[1]
    print(f"all of this, with making the release: {spent[0]:.0f} s wall, {spent[1]:.0f} CPU s")
    return apart["together"] * 1000 <= kept["increment"].size and ratio <= 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("new", nargs="?", type=int, default=100_000)
    parser.add_argument("--released", type=int, help="9 times as many as the new ones, if left out")
    parser.add_argument("--folder", type=Path, help="an empty folder to work in")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    released = arguments.released or 9 * arguments.new
    if arguments.one == "crawls":
        write_crawls(arguments.folder, arguments.new, released)
    elif arguments.one:
        run(arguments.folder, arguments.one)
    elif arguments.folder:
        sys.exit(0 if compare(arguments.folder, arguments.new, released) else 1)
    else:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(0 if compare(Path(folder), arguments.new, released) else 1)


if __name__ == "__main__":
    main()
