"""What a unit costs in each stage, and what that makes for 1 M, 100 M and 1 B candidates.

A site of its own is served on loopback by another process: pages of ten figures, each a picture of 800 by 600 pixels
that no other page has, with Korean captions. It is crawled and curated at two sizes, every stage in a process of its
own on the embedded engine. A unit's cost is the slope between the sizes, so that starting costs nothing; peak memory is
shown at both. Prints the lines of `pipelines.stage_costs` and the tables of `workflows/README.md`.

    python tests/bench/stage_costs.py [SMALL LARGE]      candidates, default 1000 4000
"""

import io
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image, ImageFilter

from pipelines.run import Run
from pipelines.stage import IN, committed
from pipelines.stage_costs import COSTS, MEASURED, StageCost
from pipelines.workflow import load_workflow
from schemas.reasons import Stage

SIZES = (1_000, 4_000)
ON_A_PAGE = 10
PAGES_OF_A_HOST = 10
SCALES = {"1 M": 10**6, "100 M": 10**8, "1 B": 10**9}
UNITS = {
    Stage.CRAWL: "page",
    Stage.EXTRACT: "candidate",
    Stage.SCREEN: "candidate",
    Stage.FETCH: "URL",
    Stage.DEDUPE: "image",
    Stage.SELECT: "candidate",
    Stage.PACK: "sample",
}
PLACES = "제주 경주 전주 안동 강릉 부여 통영 여수 속초 담양 남해 순천 공주 목포 영주 하회 군산 보성 청송 울릉".split()
THINGS = "돌하르방 첨성대 한옥 장승 석탑 돌담 장독대 소나무 은행나무 나룻배 물레방아 정자 솟대 초가 우물 등대".split()
SCENES = ["아침 안개 속", "노을이 지는 들녘", "눈 덮인 마당", "비 갠 오후", "벚꽃이 핀 길", "달빛 아래", "장날 어귀"]
ENDS = ["의 고즈넉한 풍경", "을 찾은 사람들", "이 보이는 골목", "과 오래된 돌계단"]
CAPTIONS = [f"{p} {s} {t}{e}" for p, s, t, e in itertools.product(PLACES, SCENES, THINGS, ENDS)]
FILLER = "오래된 마을 길을 따라 걷다 보면 돌담 너머로 바다가 보인다. " * 30


@lru_cache(maxsize=64)
def picture(number):
    noise = np.random.default_rng(number).integers(0, 256, (75, 100, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((800, 600), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def page(number):
    figures = "".join(
        f"<figure><img src='/{n}.jpg'><figcaption>{CAPTIONS[n * 7919 % len(CAPTIONS)]} {n}</figcaption></figure>"
        for n in range(number * ON_A_PAGE, (number + 1) * ON_A_PAGE)
    )
    return (
        f"<html><head><title>마을 이야기 {number}</title></head><body><p>{FILLER}</p>{figures}</body></html>".encode()
    )


class Site(BaseHTTPRequestHandler):
    """``/p7`` is a page, ``/71.jpg`` a picture on it, ``/`` links the pages of a host."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer."""
        host = self.headers["Host"].partition(".")[0].removeprefix("h")
        kind, body = "text/html; charset=utf-8", b""
        if self.path == "/":
            first = int(host) * PAGES_OF_A_HOST
            body = "".join(f"<a href='/p{n}'>쪽</a>" for n in range(first, first + PAGES_OF_A_HOST)).encode()
        elif self.path.startswith("/p"):
            body = page(int(self.path[2:]))
        elif self.path.endswith(".jpg"):
            kind, body = "image/jpeg", picture(int(self.path[1:-4]))
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


class Measured(NamedTuple):
    units: int
    seconds: float
    written: int
    peak: float
    candidates: int


class Metered(Run):
    """A run every stage of which is a process of its own, whose CPU time and peak memory are noted."""

    def _run_stage(self, stage, plan):
        process = os.fork()
        if process == 0:
            done = 1
            try:
                super()._run_stage(stage, plan)
                done = 0
            finally:
                os._exit(done)
        _, status, used = os.wait4(process, 0)
        if status:
            raise SystemExit(f"{stage.stage} failed")
        found = committed(stage)
        parts = found.manifest.parts
        self.metered[Stage(stage.stage)] = (
            found.manifest.tallies.get(IN, 0) or found.manifest.rows("pages"),
            used.ru_utime + used.ru_stime,
            sum(part.size for part in parts),
            used.ru_maxrss / 1024,
        )
        return found


def measure(candidates, address, folder):
    """Return what each stage did with so many candidates."""
    hosts = candidates // (ON_A_PAGE * PAGES_OF_A_HOST)
    text = {
        "name": "costs",
        "sources": {"crawl": {"seeds": [f"http://h{n}.test/" for n in range(hosts)], "depth": 1}},
        "network": {"allow_loopback": True, "connect_to": {"*": address}, "delay_seconds": 0, "consent_files": []},
    }
    path = folder / f"{candidates}.yaml"
    path.write_text(json.dumps(text))
    run = Metered(load_workflow(str(path)), str(folder / str(candidates)), PipelineOptions([]))
    run.metered = {}
    run.execute()
    return {stage: Measured(*found, candidates) for stage, found in run.metered.items()}


def cost_of(stage, small, large):
    """Return a stage's cost from its two measurements."""
    more = max(1, large.units - small.units)
    return StageCost(
        UNITS[stage],
        round(max(0.0, large.seconds - small.seconds) * 1e6 / more, 1),
        round((large.written - small.written) / more, 1),
        round(large.units / large.candidates, 3),
        round(large.peak),
    )


def hours(cost, candidates):
    """Return the core-hours of a stage."""
    return candidates * cost.units_per_candidate * cost.microseconds / 3.6e9


def rounded(number):
    """Return three digits of a number, written out."""
    return f"{float(f'{number:.3g}'):,.{0 if number >= 100 else 2}f}"


def size(cost, candidates):
    """Return the bytes that a stage writes, as text."""
    number = candidates * cost.units_per_candidate * cost.written
    return f"{number / 1e9:,.3g} GB" if number < 1e12 else f"{number / 1e12:,.4g} TB"


def table(costs=COSTS, measured=MEASURED):
    """Return the tables of `workflows/README.md`."""
    lines = [f"Measured: {measured}.", ""]
    lines += ["| stage | unit | CPU µs a unit | bytes written a unit | units a candidate | peak memory, MiB |"]
    lines += ["|---|---|---|---|---|---|"]
    for stage, cost in costs.items():
        lines.append(
            f"| {stage} | {cost.unit} | {cost.microseconds:,.0f} | {cost.written:,.0f} "
            f"| {cost.units_per_candidate:g} | {cost.peak:,.0f} |"
        )
    lines += ["", "| core-hours, bytes | " + " | ".join(SCALES) + " |", "|---|" + "---|" * len(SCALES)]
    for stage, cost in costs.items():
        cells = [f"{rounded(hours(cost, n))} h, {size(cost, n)}" for n in SCALES.values()]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    totals = [f"{rounded(sum(hours(cost, n) for cost in costs.values()))} h" for n in SCALES.values()]
    lines.append("| in all | " + " | ".join(totals) + " |")
    return "\n".join(lines)


def main():
    """Measure and print."""
    small, large = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else SIZES
    load = os.getloadavg()[0]
    code = f"import runpy; runpy.run_path({str(Path(__file__))!r}, run_name='serve')"
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            address = f"127.0.0.1:{server.stdout.readline().strip()}"
            found = [measure(candidates, address, Path(name)) for candidates in (small, large)]
        finally:
            server.terminate()
    costs = {stage: cost_of(stage, found[0][stage], found[1][stage]) for stage in found[1]}
    version = platform.python_version()
    said = f"{small:,} and {large:,} candidates, Python {version}, {os.cpu_count()} cores, load {load:.1f} before"
    print(f'MEASURED: Final = "{said}"')
    print("COSTS: Final[dict[Stage, StageCost]] = {")
    for stage, cost in costs.items():
        print(f"    Stage.{stage.name}: StageCost({', '.join(map(json.dumps, cost))}),")
    print("}\n")
    print(table(costs, said))
    print(f"\n{'peak MiB':<10}{small:>8,}{large:>8,}")
    for stage in costs:
        print(f"{stage:<10}{found[0][stage].peak:>8.0f}{found[1][stage].peak:>8.0f}")


if __name__ == "serve":
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as served:
        print(served.server_port, flush=True)
        served.serve_forever()
if __name__ == "__main__":
    main()
