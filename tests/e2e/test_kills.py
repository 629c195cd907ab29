"""A run that is killed at any named point goes on and ends in the same files, whatever it was doing.

For each seed one output folder is killed at every point, one after another, in an order that the seed draws, and at a
call that it draws; now and then what was being written is torn, as when the machine goes down. Then the run ends.
"""

import json
import os
import random
import re
import shutil
import signal

import pytest

from pipelines.stage import REUSED, read_manifest
from pipelines.status import current_ledger
from pipelines.verify import verify
from tests.e2e.death import NOT_REACHED, Deaths, Point
from tests.loopback_web import LoopbackWeb, small_site, small_workflow

SEEDS = range(5)
STAGES = ["crawl", "extract", "screen", "fetch", "dedupe", "select", "pack"]
MOST_CALLS = 3
LATER = ("--set", "network.delay_seconds=0.001")  # another pace: new stages, which take over what the first run has


def at(stage, when, what, path):
    return Point(when, what, rf"^stages/{stage}-\w+/{path}", stage)


POINTS = {
    "crawl: a page is in an archive that is not finished": at("crawl", "after", "page", r"saved/\d+/\.writing-"),
    "crawl: an archive is named, its rows are not": at("crawl", "after", "replace", r"saved/\d+/warc-"),
    "crawl: rows and links are named, no record lists them": at("crawl", "before", "replace", r"saved/\d+/record-"),
    "crawl: a record is named": at("crawl", "after", "replace", r"saved/\d+/record-"),
    "crawl: a round is done": at("crawl", "after", "replace", r"attempt-\w+/crawl-\d+result"),
    "extract: pages are named, candidates or the report are not": at("extract", "after", "replace", r".*/pages-"),
    "screen: the first job is done": at("screen", "after", "replace", r".*/countresult"),
    "screen: rows are named": at("screen", "after", "replace", r".*/screened-"),
    "fetch: decoders are started": Point("after", "start", "^decoder$", "fetch"),
    "fetch: an image is in a tar that is not finished": at("fetch", "after", "image", r"saved/\d+/\.writing-"),
    "fetch: a tar is named, its rows are not": at("fetch", "after", "replace", r"saved/\d+/staging-"),
    "fetch: rows are named, no record lists them": at("fetch", "before", "replace", r"saved/\d+/record-"),
    "fetch: a record is named": at("fetch", "after", "replace", r"saved/\d+/record-"),
    "dedupe: columns are exchanged": at("dedupe", "after", "replace", r".*/exchange-"),
    "dedupe: the first job is done": at("dedupe", "after", "replace", r".*/matchresult"),
    "select: an exchange file is synced, not named": at("select", "after", "sync", r".*/exchange/\.writing-"),
    "select: outcomes are named": at("select", "after", "replace", r".*/outcomes-"),
    "pack: a sample is in a shard that is not finished": at("pack", "after", "image", r"attempt-\w+/\.writing-"),
    "pack: a shard is named, its twin is not": at("pack", "after", "replace", r"attempt-\w+/\d+-\w+\.tar"),
    "pack: all is reported": at("pack", "after", "replace", r"attempt-\w+/result"),
    **{f"{stage}: its manifest is synced, not named": at(stage, "before", "replace", "manifest") for stage in STAGES},
}
ENDS = {
    f"{stage}: its manifest is named, nothing is cleared": at(stage, "after", "replace", "manifest") for stage in STAGES
}
AGAIN = {
    "crawl: pages of an earlier run are copied": at("crawl", "after", "page", r"saved/\d+/\.writing-"),
    "fetch: a tar of an earlier run has its second name": at("fetch", "after", "link", r"saved/\d+/"),
    "dataset: a file is linked": Point("after", "link", r"^dataset\.new/"),
    "dataset: filled, not in place": Point("before", "rename", r"^dataset\.old$"),
    "dataset: the old one is away, the new one not in place": Point("after", "rename", r"^dataset\.old$"),
    "dataset: in place, the old one still there": Point("after", "rename", r"^dataset$"),
    "dataset: the old one is half removed": Point("after", "remove", r"^dataset\.old/"),
    "report: written, not in place": Point("before", "replace", r"^report\.html$"),
}


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    web = LoopbackWeb(small_site())
    path = tmp_path_factory.mktemp("kills") / "workflow.yaml"
    path.write_text(json.dumps(small_workflow(web)))
    yield path
    web.close()


@pytest.fixture(scope="module")
def deaths(tmp_path_factory):
    with Deaths(tmp_path_factory.mktemp("deaths")) as started:
        yield started


@pytest.fixture(scope="module")
def whole(deaths, workflow, tmp_path_factory):
    """The folder of two runs that nobody killed, and how often each passed each point."""
    out = tmp_path_factory.mktemp("whole") / "out"
    passed = []
    for arguments in ((), LATER):
        ended = deaths.run(workflow, *arguments, "--out", out)
        assert ended.code == 0, ended.said
        events = deaths.events()
        passed.append({name: sum(map(point.is_at, events)) for name, point in {**POINTS, **ENDS, **AGAIN}.items()})
    return out, passed


class Chain:
    """One output folder that is killed again and again."""

    def __init__(self, deaths, out, seed):
        self.deaths = deaths
        self.out = out
        self.draw = random.Random(seed)
        self.fired = []

    def die(self, name, point, passes, *arguments):
        """Die at ``point``, at one of the first times that a run that nobody killed ``passes`` it."""
        call = 1 + self.draw.randrange(min(passes[name], MOST_CALLS))
        before = committed_files(self.out)
        ended = self.deaths.run(*arguments, "--out", self.out, point=point, call=call)
        if ended.code == NOT_REACHED:  # what was saved before leaves too few calls: the stage begins anew
            for folder in self.out.glob(f"stages/{point.stage}-*"):
                if not (folder / "manifest.json").exists():
                    shutil.rmtree(folder)
            ended = self.deaths.run(*arguments, "--out", self.out, point=point, call=call)
        assert ended.code == -signal.SIGKILL, (name, call, ended.said)
        assert ended.left == [], name
        self.fired.append(name)
        assert before.items() <= committed_files(self.out).items(), name
        if self.draw.random() < 0.5:
            tear(self.out)

    def die_in_every_stage(self, points, ends, passes, *arguments):
        for stage in STAGES:
            within = [(name, point) for name, point in points.items() if point.stage == stage]
            self.draw.shuffle(within)
            for name, point in [*within, *((name, end) for name, end in ends.items() if end.stage == stage)]:
                self.die(name, point, passes, *arguments)


def committed_files(out):
    """Return the inode and size of each file that a manifest in ``out`` lists; every one is there."""
    found = {}
    for manifest in out.glob("stages/*/manifest.json"):
        for part in read_manifest(str(manifest)).parts:
            stat = (manifest.parent / part.path).stat()
            assert stat.st_size == part.size
            found[f"{manifest.parent.name}/{part.path}"] = stat.st_ino, stat.st_size
    published = out / "dataset" / "manifest.json"
    if published.exists():
        for file in json.loads(published.read_bytes())["files"]:
            assert (published.parent / file["path"]).stat().st_size == file["bytes"]
    return found


def tear(out):
    """Cut the newest files that nothing committed lists, as they may be when the machine goes down."""
    committed = {inode for inode, _ in committed_files(out).values()}
    loose = [
        path
        for path in (*out.glob("stages/*/*/**/*"), *out.glob("stages/*/.writing-*"), *out.glob("dataset.new/**/*"))
        if path.is_file() and path.stat().st_ino not in committed
    ]
    for path in sorted(loose, key=lambda path: path.stat().st_mtime_ns)[-3:]:
        os.truncate(path, path.stat().st_size // 2)


def files_of(out):
    """Return the names below ``out``, without what chance and the clock put into them, and without finished logs.

    What a stage saves on its way, every 30 s, is of more pieces on a slow machine: those of one table count as one.
    """
    names = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and path.suffix != ".jsonl")
    chance = re.compile(r"(?<=attempt-)\w{8}|(?<=-)[0-9a-f]{8,12}(?=[./])")
    found = [chance.sub("*", name) for name in names]
    return sorted(
        [name for name in found if "/saved/" not in name] + list({name for name in found if "/saved/" in name})
    )


def books_of(out):
    """Return the books of every stage by its folder; what was not asked for again is left out."""
    return {
        manifest.parent.name: {k: v for k, v in read_manifest(str(manifest)).tallies.items() if k != REUSED}
        for manifest in out.glob("stages/*/manifest.json")
    }


def dataset_of(out):
    """Return the root and every file that the dataset's manifest lists with its sha256, but for times and offsets."""
    manifest = json.loads((out / "dataset" / "manifest.json").read_bytes())
    return manifest["root"], {f["path"]: f["sha256"] for f in manifest["files"] if not f["path"].startswith("lineage/")}


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_it_is_killed_at_a_run_ends_in_the_same_files(deaths, workflow, whole, tmp_path, seed):
    sound, (first, second) = whole
    chain = Chain(deaths, tmp_path / "out", seed)
    chain.die_in_every_stage(POINTS, ENDS, first, workflow)
    ended = deaths.run(workflow, "--out", chain.out)
    assert ended.code == 0, ended.said
    root, _ = dataset_of(chain.out)

    chain.die_in_every_stage(AGAIN, {}, second, workflow, *LATER)
    for name, point in AGAIN.items():
        if not point.stage:
            chain.die(name, point, second, workflow, *LATER)
    ended = deaths.run(workflow, *LATER, "--out", chain.out)
    assert ended.code == 0, ended.said
    assert sorted(chain.fired) == sorted({**POINTS, **ENDS, **AGAIN})

    assert dataset_of(chain.out) == dataset_of(sound)
    assert dataset_of(chain.out)[0] == root
    assert books_of(chain.out) == books_of(sound)
    assert current_ledger(str(chain.out)) == current_ledger(str(sound))
    assert current_ledger(str(chain.out)).balanced
    assert verify(str(chain.out)).problems == []
    assert files_of(chain.out) == files_of(sound)
