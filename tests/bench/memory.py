"""Peak memory of a whole run at two sizes, by stage and kind of process.

    python tests/bench/memory.py [--workers 2] [--sizes 4500 18000]

Both sizes are beyond what the caption engine remembers (4,096 texts), so that
what still grows is the rest. Peak resident memory (VmHWM, shared pages counted in each) and, in brackets, the largest
proportional one (PSS, seen every half second) of the largest process of each kind, MiB. With one worker the driver
does the work.
"""

import argparse
import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.loopback_web import served_folder  # noqa: E402 - found from the checkout only

SIZES = (4_500, 18_000)
EVERY_SECONDS = 0.5
KINDS = {"pipelines.decode_child": "decoder", "multiprocessing.forkserver": "worker"}
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


def pictures(folder, number=200):
    """Write ``number`` different pictures."""
    for index in range(number):
        noise = np.random.default_rng(index).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(12)).save(folder / f"{index}.jpg", quality=90)


def processes(parent):
    """Yield the number and kind of ``parent`` and of all that it started."""
    yield parent, "driver"
    below = [parent]
    while below:
        process = below.pop()
        try:
            kind = kind_of(process)
            for task in Path(f"/proc/{process}/task").iterdir():
                for child in map(int, (task / "children").read_text().split()):
                    below.append(child)
                    found = kind_of(child)
                    # The process that workers are forked from is not one of them.
                    yield child, "fork server" if found == "worker" and kind != "worker" else found
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended


def kind_of(process):
    """Return what a process is, by its command."""
    command = Path(f"/proc/{process}/cmdline").read_bytes().decode()
    return next((kind for name, kind in KINDS.items() if name in command), "other")


def memory_of(process):
    """Return the peak resident memory of a process and its proportional memory now, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return [
        int(next(line for line in text.splitlines() if line.startswith(name)).split()[1]) / 1024
        for text, name in ((status, "VmHWM:"), (rollup, "Pss:"))
    ]


def watch(run, out):
    """Return the peaks {(stage, kind): [resident, proportional]} of a run until it ends."""
    peaks = {}
    stage = ""
    while run.poll() is None:
        folders = sorted((out / "stages").glob("*"), key=lambda path: path.stat().st_ctime_ns)
        latest = folders[-1].name.rsplit("-", 1)[0] if folders else ""
        for process, kind in processes(run.pid):
            try:
                if latest != stage:
                    Path(f"/proc/{process}/clear_refs").write_text("5")  # forget the peak of the stage before
                for place, size in enumerate(memory_of(process)):
                    known = peaks.setdefault((latest, kind), [0, 0])
                    known[place] = max(known[place], size)
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                continue  # it has ended
        stage = latest
        time.sleep(EVERY_SECONDS)
    return peaks


def measure(images, workers, base, folder):
    """Run ``images`` rows with ``workers`` and return the peaks and the seconds."""
    captions = [f"{p} {s} {t}{e}" for p, s, t, e in itertools.product(PLACES, SCENES, THINGS, ENDS)]
    order = np.random.default_rng(0).permutation(len(captions))
    table = folder / f"{images}.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "caption"])
        writer.writerows(
            (f"{base}/{n % 200}.jpg?{n}", f"{captions[order[n % len(order)]]} {n // len(order)}") for n in range(images)
        )
    workflow = folder / f"{images}.yaml"
    workflow.write_text(
        f"name: memory\nsources: {{tables: [{{path: {table}}}]}}\n"
        "network: {allow_loopback: true, delay_seconds: 0, connections_per_host: 16}\n"
    )
    out = folder / f"out{images}"
    command = [sys.executable, "-m", "pipelines", "run", workflow, "--out", out]
    if workers > 1:
        command += ["--", "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    start = time.monotonic()
    with (folder / "said").open("wb") as said:
        run = subprocess.Popen(
            list(map(str, command)),
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    peaks = watch(run, out)
    if run.returncode:
        sys.exit((folder / "said").read_text())
    return peaks, time.monotonic() - start


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "web").mkdir()
        pictures(folder / "web")
        with served_folder(folder / "web") as base:
            small, large = (measure(size, said.workers, base, folder) for size in said.sizes)
    print(f"{'stage':<8} {'process':<12}" + "".join(f"{size:>12} rows" for size in said.sizes) + f"{'ratio':>8}")
    for stage, kind in (key for key in small[0] if key[0] and key in large[0]):
        few, many = small[0][stage, kind], large[0][stage, kind]
        cells = "".join(f"{resident:>9.0f} ({share:>5.0f})" for resident, share in (few, many))
        print(f"{stage:<8} {kind:<12}{cells}{many[0] / few[0]:>8.2f}")
    print(f"seconds: {small[1]:.0f}, {large[1]:.0f}; load now {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
