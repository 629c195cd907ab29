"""The fetch stage against img2dataset and against the bare codec loop, over nginx on loopback, in one run.

    python tests/bench/fetch_speed.py [IMAGES]              default 3,000: CPU and wall seconds, and 200 ms of latency
    python tests/bench/fetch_speed.py hosts [URLS]          default 100,000 over 1,000 hosts, 5 % dead: stalls, memory

Both engines get the same URLs (100 loopback addresses), the same resize settings and two processes that decode; ours
also hashes, measures and asks for robots.txt. A run over a hundredth of the URLs is taken off each: starting up. Read
the ratios, not the seconds. Needs nginx with its echo module (Debian: nginx-light, libnginx-mod-http-echo).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pipelines.decoder import DecoderPool, ImageSettings
from pipelines.fetch import Wanted, fetch_all
from pipelines.known_images import ImageDecoder
from pipelines.network import Network
from pipelines.parts import AttemptPlace
from pipelines.progress import ProgressNotes
from pipelines.staging import Staging

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
HOSTS = 100
SIDE, QUALITY, PROCESSES = 512, 95, 2
SETTINGS = ImageSettings(max_side=SIDE, quality=QUALITY, processes=PROCESSES)
PACE = {
    "allow_loopback": True,
    "delay_seconds": 0.0,
    "connections": 128,
    "connections_per_host": 4,
    "consent_files": (),
    "max_tries": 1,
}


def sources() -> list[np.ndarray]:
    """Return photographs to cut pictures from: the real ones where they are, else drawn ones of a natural spectrum."""
    found = []
    for folder in ("near_duplicates/exif_orientation", "near_duplicates/pdq/misc-images", "near_duplicates/imagededup"):
        for path in sorted((DATA / folder).rglob("*.jp*g")):
            pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
            if pixels is not None and min(pixels.shape[:2]) >= 400:
                found.append(pixels)
    return found or [drawn(np.random.default_rng(seed)) for seed in range(8)]


def drawn(random: np.random.Generator, size: tuple[int, int] = (1800, 1350)) -> np.ndarray:
    """Draw noise of every octave, which costs a codec what a photograph costs."""
    picture = np.full((size[1], size[0], 3), 128, np.float32)
    for octave in range(1, 10):
        noise = random.normal(0, 60 / octave, (2 ** (octave - 1) + 1, 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_images(folder: Path, count: int, sizes: tuple[float, float, int, int]) -> float:
    """Write seeded cuts of photographs in web-like sizes (log-normal: middle, spread, least, most); return mean kB."""
    photographs, random = sources(), np.random.default_rng(20260101)
    middle, spread, least, most = sizes
    total = 0
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        height, width = photograph.shape[:2]
        part = random.uniform(0.5, 1.0, 2)
        high, wide = int(height * part[0]), int(width * part[1])
        top, left = (int(random.integers(0, room + 1)) for room in (height - high, width - wide))
        scale = int(np.clip(np.exp(random.normal(np.log(middle), spread)), least, most)) / max(high, wide)
        target = (max(1, round(wide * scale)), max(1, round(high * scale)))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        cut = cv2.resize(photograph[top : top + high, left : left + wide], target, interpolation=kind)
        coded = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(75, 93))])[1].tobytes()
        (folder / f"{number}.jpg").write_bytes(coded)
        total += len(coded)
    return total / count / 1000


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """Serve ``folder`` on every loopback address of the hosts at one port; below /slow/ 200 ms late."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listens = "".join(f"listen 127.0.0.{number + 1}:{port};" for number in range(HOSTS))
    config = folder / "nginx.conf"
    config.write_text(
        f"load_module {ECHO}; user root; worker_processes 1; daemon off; error_log stderr crit; pid {folder}/pid;"
        f"events {{ worker_connections 8192; }} http {{ access_log off; sendfile on; keepalive_requests 1000000;"
        f"types {{ image/jpeg jpg; }} root {folder}; server {{ {listens}"
        f"location ~ ^/slow/(.*)$ {{ echo_sleep 0.2; echo_exec /images/$1; }} location /images/ {{ }} }} }}"
    )
    server = subprocess.Popen(["nginx", "-p", folder, "-c", config])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def spent(*command: str) -> tuple[float, float]:
    """Run a Python program to its end; return the (CPU, wall) seconds of it and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled", "PYTHONPATH": os.getcwd()}
    ran = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def ours(links: Path, out: Path) -> tuple[float, float]:
    """Fetch the links of a file with our stage's own function."""
    return spent(__file__, "ours", str(links), str(out))


def img2dataset(links: Path, out: Path) -> tuple[float, float]:
    """Fetch the links of a file with img2dataset."""
    shard = max(1, -(-len(links.read_text().split()) // PROCESSES))
    program = f"""
from img2dataset import download
if __name__ == "__main__":
    download(url_list={str(links)!r}, output_folder={str(out)!r}, output_format="webdataset", image_size={SIDE},
        resize_mode="keep_ratio_largest", resize_only_if_bigger=True, skip_reencode=True, encode_quality={QUALITY},
        processes_count={PROCESSES}, thread_count=64, number_sample_per_shard={shard})
"""
    script = out.with_suffix(".py")
    script.write_text(program)
    found = spent(str(script))
    count = sum(json.loads(path.read_text())["successes"] for path in out.glob("*_stats.json"))
    assert count == len(links.read_text().split()), f"img2dataset got {count}"
    return found


def fetch(urls: list[str], network: Network, folder: Path, notes: ProgressNotes) -> Counter[str]:
    """Run our stage's own function over the URLs; return how many ended for which reason."""
    wanted = [Wanted(url) for url in urls]

    async def work(staging: Staging) -> None:
        async with DecoderPool(SETTINGS) as pool:
            await fetch_all(wanted, network, None, ImageDecoder(pool, None), staging, notes)
        await staging.save()

    with Staging(AttemptPlace(str(folder), "attempt"), 0, urls) as staging:
        asyncio.run(work(staging))
        return Counter({tally.heading: tally.number for done in staging.done() for tally in done.tallies})


def bare(links: Path, out: Path) -> tuple[float, float]:
    """Decode, resize and encode the files behind the links, in as many processes at a time as the others have."""
    folder, count = out.parent / "images", len(links.read_text().split())
    spans = [(number * count // PROCESSES, (number + 1) * count // PROCESSES) for number in range(PROCESSES)]
    program = "import sys, multiprocessing as m; from tests.bench.fetch_speed import loop; "
    return spent(
        "-c",
        f"{program}p = m.Pool({PROCESSES}); p.starmap(loop, {[(str(folder), *s) for s in spans]}); p.close(); p.join()",
    )


def loop(folder: str, start: int, stop: int) -> None:
    """Be one process of the bare codec loop."""
    cv2.setNumThreads(1)
    for number in range(start, stop):
        pixels = cv2.imdecode(np.fromfile(f"{folder}/{number}.jpg", np.uint8), cv2.IMREAD_COLOR)
        height, width = pixels.shape[:2]
        if max(height, width) > SIDE:
            scale = SIDE / max(height, width)
            target = (max(1, round(width * scale)), max(1, round(height * scale)))
            pixels = cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)
            cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def list_links(path: Path, port: int, place: str, count: int) -> Path:
    """Write ``count`` URLs, spread over the hosts."""
    path.write_text("".join(f"http://127.0.0.{n % HOSTS + 1}:{port}/{place}/{n}.jpg\n" for n in range(count)))
    return path


def compare(count: int, work: Path) -> None:
    """Print CPU and wall time per image of every way."""
    (work / "images").mkdir()
    kilobytes = write_images(work / "images", count, (735, 0.45, 250, 2400))
    print(
        f"{count} JPEGs, mean {kilobytes:.0f} kB, to at most {SIDE} px, {PROCESSES} processes, {os.cpu_count()} cores"
    )
    few = max(20, count // 100)
    ways = {}
    with nginx(work) as port:
        for name, way, place in (
            ("bare codec loop", bare, "images"),
            ("img2dataset", img2dataset, "images"),
            ("harubang", ours, "images"),
            ("harubang, 200 ms latency", ours, "slow"),
        ):
            start = way(list_links(work / "few.txt", port, place, few), work / f"few {name}")
            whole = way(list_links(work / "all.txt", port, place, count), work / f"all {name}")
            ways[name] = [1000 * (w - s) / (count - few) for w, s in zip(whole, start, strict=True)]
    print(f"{'way':26s} {'CPU ms/image':>13s} {'wall ms/image':>14s}")
    for name, (cpu, wall) in ways.items():
        print(f"{name:26s} {cpu:13.2f} {wall:14.2f}")
    floor, theirs, quick, slow = ways.values()
    print(
        f"harubang / img2dataset: {theirs[0] / quick[0]:.2f} by CPU second, {theirs[1] / quick[1]:.2f} by wall second"
    )
    print(f"share of the bare codec loop: {floor[0] / quick[0]:.2f} by CPU, {floor[1] / quick[1]:.2f} by wall second")
    print(f"with 200 ms of latency: {quick[1] / slow[1]:.2f} of the throughput")


def many_hosts(count: int, work: Path) -> None:
    """Fetch small pictures from 1,000 names of which 5 % are dead; print the pace and the memory of every tenth."""
    (work / "images").mkdir()
    write_images(work / "images", 200, (160, 0.2, 120, 240))
    with nginx(work) as port, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        names = [f"h{number}.bench.test" for number in range(1000)]
        doors = {name: f"127.0.0.{number % HOSTS + 1}:{port}" for number, name in enumerate(names)}
        doors |= {name: f"127.0.0.1:{dead.getsockname()[1]}" for name in names[::20]}
        network = Network(**PACE, connect_to=doors)
        urls = [f"http://{names[n % 1000]}/images/{n // 1000 % 200}.jpg?{n}" for n in range(count)]
        started, last = time.perf_counter(), time.perf_counter()
        longest, done = 0.0, 0

        class Notes(ProgressNotes):
            """Watches the pace instead of writing it down."""

            def advance(self, number: int = 1) -> None:
                nonlocal longest, last, done
                now = time.perf_counter()
                longest, last, done = max(longest, now - last), now, done + number
                if done % max(1, count // 10) == 0:
                    used = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
                    print(f"{done:8d} rows {now - started:7.1f} s {used:7.0f} MiB", flush=True)

        outcomes = fetch(urls, network, work / "out", Notes(str(work)))
    print(f"longest time without a row: {longest:.2f} s; outcomes: {dict(outcomes)}")


def main() -> None:
    """Do what the arguments say."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["ours"]:
        out = Path(arguments[2])
        outcomes = fetch(Path(arguments[1]).read_text().split(), Network(**PACE), out, ProgressNotes(str(out)))
        assert outcomes["in"] == outcomes["keep"], outcomes
        return
    if shutil.which("nginx") is None or not ECHO.exists():
        print("nginx or its echo module is missing; on Debian: apt-get install -y nginx-light libnginx-mod-http-echo")
        return
    with tempfile.TemporaryDirectory() as work:
        if arguments[:1] == ["hosts"]:
            many_hosts(int(arguments[1]) if len(arguments) > 1 else 100_000, Path(work))
        else:
            compare(int(arguments[0]) if arguments else 3_000, Path(work))


if __name__ == "__main__":
    main()
