"""Peak memory of a whole run at two sizes. Prints: images, peak of the driver, largest child, seconds.

Both sizes are beyond what the caption engine remembers (4,096 texts), so that what still grows is the rest.
"""

import csv
import http.server
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

SIZES = (4_000, 10_000)
PLACES = "제주 경주 전주 안동 강릉 부여 통영 여수 속초 담양 남해 순천 공주 목포 영주 하회 군산 보성 청송 울릉".split()
THINGS = (
    "돌하르방 첨성대 한옥 장승 석탑 돌담 장독대 소나무 은행나무 나룻배 물레방아 정자 솟대 초가 우물 다리 등대".split()
)
SCENES = [
    "아침 안개 속",
    "노을이 지는 들녘",
    "눈 덮인 마당",
    "비 갠 오후",
    "벚꽃이 핀 길",
    "단풍 든 골짜기",
    "달빛 아래",
    "장날 어귀",
]
ENDS = ["의 고즈넉한 풍경", "을 찾은 사람들", "이 보이는 골목", "과 오래된 돌계단"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Keeps connections open and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""


def pictures(folder, number=200):
    """Write ``number`` different pictures."""
    for index in range(number):
        noise = np.random.default_rng(index).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(12)).save(folder / f"{index}.jpg", quality=90)


def measure(images, base, folder):
    """Run ``images`` rows and return (peak of the driver in MiB, peak of its largest child in MiB, seconds)."""
    captions = [f"{p} {s} {t}{e}" for p, s, t, e in itertools.product(PLACES, SCENES, THINGS, ENDS)]
    order = np.random.default_rng(0).permutation(len(captions))
    table = folder / f"{images}.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "caption"])
        writer.writerows((f"{base}/{n % 200}.jpg?{n}", captions[order[n]]) for n in range(images))
    workflow = folder / f"{images}.yaml"
    workflow.write_text(
        f"name: memory\nsources: {{tables: [{{path: {table}}}]}}\n"
        "network: {allow_loopback: true, delay_seconds: 0, connections_per_host: 16}\n"
    )
    code = (
        "import resource, sys; from pipelines.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(workflow), "--out", str(folder / f"out{images}")],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    own, child = done.stderr.decode().splitlines()[-1].split()
    return int(own) / 1024, int(child) / 1024, time.monotonic() - start


def main():
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "web").mkdir()
        pictures(folder / "web")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "web")))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{'images':>8} {'driver MiB':>11} {'child MiB':>10} {'seconds':>8}")
        for images in SIZES:
            own, child, seconds = measure(images, f"http://127.0.0.1:{server.server_port}", folder)
            print(f"{images:>8} {own:>11.0f} {child:>10.0f} {seconds:>8.0f}")
        server.shutdown()


if __name__ == "__main__":
    main()
