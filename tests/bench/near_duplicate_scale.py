"""Print what clustering 1, 3 and 10 million hashes costs: wall, CPU, peak memory and how they grow.

Run: ``python tests/bench/near_duplicate_scale.py [COUNT ...]`` for the dedupe stage on the embedded engine,
``--columns`` for its arithmetic alone, in memory; ``--exact N`` instead compares the pairs found among N hashes with
those of comparing all. ``--faiss`` compares the search of distinct pHashes alone with that of faiss, if it can be
imported: `IndexBinaryMultiHash` of four times 16 bits, one flipped, which finds every pair within 7 bits as
`filters.hamming` does, and `IndexBinaryHash` of 16 bits, two flipped, which does not. Every measurement runs in a
process of its own, so that peak memory is its own.

The hashes are made by a seeded generator like those of a crawl: half the images are the only ones of their kind, the
others come in families of 2 to 8 whose members differ by 0 to 4 bits of pHash and up to 16 of the longer hash, and
1 in 100 has one of ten hot pHashes (logos, placeholders), half of these with a longer hash of its own. ``skewed`` bits
make the bands as uneven as those of real pictures are. The members of a family have the same tones.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from filters.hamming import near_pairs
from filters.near_duplicates import DuplicateRules, Images, clusters
from filters.tones import BYTES
from pipelines.dedupe import Matching, run_dedupe
from pipelines.stage import Attempt, StagePlan

SEED = 20261122
ROWS_PER_PART = 100_000


class Crawl(NamedTuple):
    """Columns, one row per image: ``phash`` of shape (rows, 1), ``phash256`` (rows, 4), ``look`` the row of `TONES`."""

    ids: np.ndarray
    phash: np.ndarray
    phash256: np.ndarray
    pixels: np.ndarray
    look: np.ndarray


def flipped(random: np.random.Generator, words: np.ndarray, most: int) -> np.ndarray:
    """Turn 0 to ``most`` bits of each row, some perhaps twice."""
    words, rows = words.copy(), np.arange(len(words))
    flips = random.integers(0, most + 1, len(words))
    for step in range(most):
        some = rows[flips > step]
        bit = random.integers(0, 64 * words.shape[1], some.size)
        words[some, bit // 64] ^= np.uint64(1) << (bit % 64).astype(np.uint64)
    return words


TONES = np.random.default_rng(SEED).integers(0, 256, (4096, BYTES), np.uint8)
"""What families look like: those of one family agree, others are most likely told apart."""


def crawl(count: int) -> Crawl:
    random = np.random.default_rng(SEED)
    kinds = np.r_[np.ones(count // 2, np.int64), np.clip(random.geometric(0.4, count) + 1, 2, 8)]
    origin = np.repeat(np.arange(kinds.size), kinds)[:count]
    short = random.integers(0, 2**64, (kinds.size, 1), dtype=np.uint64)
    skewed = random.integers(0, 2**64, (kinds.size, 1), dtype=np.uint64)
    short |= skewed & np.uint64(0x8888_8888_8888_8888)  # one bit in four is set three times in four
    longer = random.integers(0, 2**64, (kinds.size, 4), dtype=np.uint64)
    alone = (kinds == 1)[origin]
    phash = np.where(alone[:, None], short[origin], flipped(random, short[origin], 4))
    phash256 = np.where(alone[:, None], longer[origin], flipped(random, longer[origin], 16))
    hot = random.permutation(count)[: count // 100]
    phash[hot, 0] = random.integers(0, 2**64, 10, dtype=np.uint64)[np.arange(hot.size) % 10]
    phash256[hot[::2]] = 7
    look = (origin % len(TONES)).astype(np.uint16)
    look[hot] = np.arange(hot.size) % 10
    ids = random.permutation(count).astype(np.int64)
    return Crawl(ids, phash, phash256, random.integers(10_000, 4_000_000, count), look)


def in_hex(words: np.ndarray) -> pa.Array:
    """Return rows of 64-bit words as texts of hex digits, without a Python object each."""
    digits = words.astype(">u8").tobytes().hex().encode()
    width = 16 * words.shape[1]
    offsets = np.arange(len(words) + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(digits)])


def write_images(folder: Path, images: Crawl) -> None:
    """Write the columns of fetched images that the stage reads."""
    ids, phash, phash256, pixels, look = images
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, len(ids), ROWS_PER_PART)):
        rows = slice(start, start + ROWS_PER_PART)
        count = len(ids[rows])
        sha = np.zeros((count, 4), np.uint64)
        sha[:, 0] = ids[rows].astype(np.uint64) << np.uint64(1)
        empty, none = pa.array([""] * count), np.zeros(count, np.int64)
        columns = {
            "image_url": in_hex(sha[:, :1]),
            "raw_sha256": in_hex(sha),
            "original_width": pixels[rows],
            "original_height": none + 1,
            "outcome": pa.array(["keep"] * count),
            "phash": in_hex(phash[rows]),
            "phash256": in_hex(phash256[rows]),
            "clear_bits": none + 64,
            "trimmed_phash": empty,
            "trimmed_phash256": empty,
            "trimmed_clear_bits": none,
            "tones": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(BYTES), count, [None, pa.py_buffer(TONES[look[rows]].tobytes())]
            ).cast(pa.binary()),
            "trimmed_tones": pa.array([b""] * count),
        }
        pq.write_table(pa.table(columns), folder / f"{number:05d}.parquet")


def processes() -> Iterator[int]:
    """Yield this process and all that were started by it or by those, and are alive."""
    found = [os.getpid()]
    while found:
        process = found.pop()
        yield process
        with suppress(OSError):  # it may have ended
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())


def cpu_seconds() -> float:
    """Return what `processes` and what they waited for have used: workers are children of the fork server."""
    ticks = 0
    for process in processes():
        with suppress(OSError):
            told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, told[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class WorkerPeak:
    """The peak resident memory, in GiB, of the largest process below this one, looked at every tenth of a second."""

    def __enter__(self) -> WorkerPeak:
        self.gib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for process in list(processes())[1:]:
                with suppress(OSError, StopIteration):
                    status = Path(f"/proc/{process}/status").read_text().splitlines()
                    peak = next(line for line in status if line.startswith("VmHWM"))
                    self.gib = max(self.gib, int(peak.split()[1]) / 2**20)


def peak_gib() -> float:
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20


def measure(count: int, columns: bool, workers: int) -> None:
    images = crawl(count)
    base, worker = peak_gib(), 0.0
    if columns:
        columns_of = Images(
            images.ids,
            images.phash,
            images.phash256[:, None],
            np.full((count, 1), 64, np.int64),
            images.pixels,
            TONES[images.look][:, None],
        )
        wall, cpu = time.perf_counter(), cpu_seconds()
        found = np.unique(clusters(columns_of, DuplicateRules()).representative).size
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    else:
        with TemporaryDirectory() as folder:
            write_images(Path(folder) / "images", images)
            del images
            paths = [str(path) for path in sorted((Path(folder) / "images").glob("*.parquet"))]
            plan = StagePlan(stage="dedupe", covers={}, root=folder)
            processes = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
            options = PipelineOptions(processes if workers > 1 else [])
            attempt = Attempt(plan=plan, name="attempt-1", options=options)
            wall, cpu = time.perf_counter(), cpu_seconds()
            with WorkerPeak() as below:
                done = attempt.commit(run_dedupe(attempt, paths, Matching(DuplicateRules(), count)), expected=count)
            worker = below.gib
            wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
            leaders = [pq.read_table(path, columns=["cluster"])["cluster"] for path in done.paths("clusters")]
            found = len(pa.chunked_array([chunk for leader in leaders for chunk in leader.chunks]).unique())
    print(count, f"{wall:.1f} {cpu:.1f} {base:.2f} {peak_gib():.2f} {worker:.2f}", found)


def scale(counts: list[int], columns: bool, workers: int) -> None:
    print(DuplicateRules())
    heads = f"{'images':>10s} {'wall s':>8s} {'CPU s':>8s} {'data GiB':>9s} {'peak GiB':>9s} {'worker':>7s}"
    print(f"{heads} {'clusters':>10s}  exponent")
    last: tuple[int, float] | None = None
    for count in counts:
        command = [sys.executable, __file__, "--one", str(count), f"--workers={workers}"]
        command += ["--columns"] if columns else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        _, wall, cpu, base, peak, worker, found = done.stdout.split()
        growth = "" if last is None else f"{log(float(cpu) / last[1]) / log(count / last[0]):.2f}"
        print(f"{count:10d} {wall:>8s} {cpu:>8s} {base:>9s} {peak:>9s} {worker:>7s} {found:>10s}  {growth}", flush=True)
        last = (count, float(cpu))


def faiss_pairs(hashes: np.ndarray, radius: int, kind: str) -> np.ndarray:
    """Return the pairs that an index of faiss finds, as in `found_pairs`."""
    import faiss  # not a dependency: installed for this measurement only

    index = faiss.IndexBinaryMultiHash(64, 4, 16) if kind == "MultiHash" else faiss.IndexBinaryHash(64, 16)
    index.nflip = 1 if kind == "MultiHash" else 2
    codes = hashes.view(np.uint8).reshape(-1, 8)
    index.add(codes)
    found = []
    for start in range(0, hashes.size, 10_000):
        limits, _, others = index.range_search(codes[start : start + 10_000], radius + 1)  # less than that
        rows = np.repeat(np.arange(start, start + limits.size - 1), np.diff(limits.astype(np.int64)))
        found.append((rows * hashes.size + others)[rows < others])
    return np.unique(np.concatenate(found))


def found_pairs(hashes: np.ndarray, radius: int, kind: str) -> np.ndarray:
    """Return the pairs of rows within ``radius``, each as one number, ascending."""
    if kind != "hamming":
        return faiss_pairs(hashes, radius, kind)
    pairs = near_pairs(hashes, radius)
    return pairs.left * hashes.size + pairs.right


def measure_search(count: int, radius: int, kind: str, path: Path) -> None:
    hashes = np.unique(crawl(count).phash)
    base, wall, cpu = peak_gib(), time.perf_counter(), cpu_seconds()
    pairs = found_pairs(hashes, radius, kind)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    np.save(path, pairs)
    print(f"{wall:.1f} {cpu:.1f} {peak_gib() - base:.2f}")


def beside_faiss(counts: list[int], radius: int) -> None:
    print(f"{'images':>10s} {'search':>10s} {'wall s':>8s} {'CPU s':>8s} {'GiB more':>9s} {'pairs':>10s}   recall")
    for count in counts:
        with TemporaryDirectory() as folder:
            for kind in ("hamming", "MultiHash", "Hash"):
                path = Path(folder) / f"{kind}.npy"
                command = [sys.executable, __file__, "--one", str(count), f"--radius={radius}"]
                command += ["--search", kind, "--pairs", str(path)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                wall, cpu, peak = done.stdout.split()
                pairs, ours = np.load(path), np.load(Path(folder) / "hamming.npy")
                recall = np.intersect1d(pairs, ours, assume_unique=True).size / max(1, ours.size)
                told = f"{wall:>8s} {cpu:>8s} {peak:>9s} {pairs.size:10d} {recall:8.4f}"
                print(f"{count:10d} {kind:>10s} {told}", flush=True)


def exact(count: int, radius: int) -> None:
    hashes = crawl(count).phash[:, 0]
    started = time.perf_counter()
    found = near_pairs(hashes, radius)
    banded = time.perf_counter() - started
    keys = found.left * count + found.right
    wanted = []
    started = time.perf_counter()
    for row in range(count):
        apart = np.bitwise_count(hashes[row + 1 :] ^ hashes[row])
        wanted.append(row * count + row + 1 + np.flatnonzero((apart <= radius) & (apart > 0)))
    full = time.perf_counter() - started
    same = np.array_equal(np.sort(keys), np.concatenate(wanted))
    print(f"{count} hashes, radius {radius}: {keys.size} pairs, equal to comparing all: {same}")
    print(f"banded {banded:.1f} s, comparing all {full:.1f} s")
    sys.exit(0 if same else 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--columns", action="store_true", help="in memory, without the engine")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the embedded engine")
    parser.add_argument("--exact", type=int, metavar="N")
    parser.add_argument("--faiss", action="store_true", help="the search alone, beside faiss")
    parser.add_argument("--search", help=argparse.SUPPRESS)
    parser.add_argument("--pairs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--radius", type=int, default=DuplicateRules().radius)
    arguments = parser.parse_args()
    if arguments.search:
        measure_search(arguments.one, arguments.radius, arguments.search, arguments.pairs)
    elif arguments.faiss and find_spec("faiss") is None:
        print("faiss cannot be imported: install faiss-cpu beside this environment to measure it")
    elif arguments.faiss:
        beside_faiss(arguments.counts, arguments.radius)
    elif arguments.one is not None:
        measure(arguments.one, arguments.columns, arguments.workers)
    elif arguments.exact is not None:
        exact(arguments.exact, arguments.radius)
    else:
        scale(arguments.counts, arguments.columns, arguments.workers)


if __name__ == "__main__":
    main()
