"""A small output folder as a finished run leaves it, made without a run."""

import io
import os
from collections import defaultdict
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from PIL import Image

from filters.near_duplicates import DuplicateRules
from pipelines import concept_counts, dataset, hash_index, index_writer, outcome, pack
from pipelines.cluster_winner import choose
from pipelines.concept_lexicon import NOTHING_ADDED
from pipelines.ledger import ledger_of
from pipelines.parts import AttemptPlace, Done, write_part
from pipelines.stage import Attempt, Committed, StagePlan, merge_done, outcome_tallies
from pipelines.storage import ContentFile
from pipelines.tar import TarWriter
from pipelines.workflow import Select
from schemas.identity import fingerprint, sha256_hex
from schemas.reasons import Outcome, Reason, Stage
from schemas.records import (
    CandidateRow,
    ClusterRow,
    ConceptCount,
    ImageRow,
    OutcomeRow,
    PageRow,
    ScreenedRow,
    SelectedRow,
)


@pytest.fixture
def attempt(tmp_path):
    """A try at some stage in a new folder."""
    return Attempt(
        plan=StagePlan(stage="some", covers={}, root=str(tmp_path)), name="attempt-1", options=PipelineOptions([])
    )


@pytest.fixture(scope="session")
def picture():
    """Return the row of an image of content ``content`` whose hashes are ``flips`` bits from those of ``base``."""

    def picture(number, content, base=0, flips=0, *, pixels=100, clear=64, outcome="keep"):
        rng = np.random.default_rng(base)
        short, long = (int.from_bytes(rng.bytes(size), "big") for size in (8, 32))
        mask = sum(1 << 5 * n for n in range(flips))
        return ImageRow(
            image_url=f"http://a.kr/{number}.jpg",
            final_url=f"http://a.kr/{number}.jpg",
            fetched_at="2026-01-01T00:00:01Z",
            http_status=200,
            address="127.0.0.1",
            consent=[],
            outcome=outcome,
            reason="" if outcome == "keep" else "http_status",
            detail="",
            raw_sha256=sha256_hex(str(content).encode()),
            raw_bytes=1,
            raw_format="JPEG",
            stored_sha256="",
            stored_bytes=1,
            width=10,
            height=10,
            original_width=pixels,
            original_height=10,
            orientation=1,
            frames=1,
            reencoded=True,
            phash=f"{short ^ mask:016x}" if outcome == "keep" else "",
            phash256=f"{long ^ mask:064x}" if outcome == "keep" else "",
            dhash="",
            clear_bits=clear,
            trimmed_phash="",
            trimmed_phash256="",
            trimmed_clear_bits=0,
            scores=[],
            staging="",
            staging_offset=0,
            staging_length=0,
        )

    return picture


class Output(NamedTuple):
    """The folder and what was put into it: two candidates kept, one dropped by the screen."""

    folder: str
    stages: dict[str, Committed]
    manifest: dataset.DatasetManifest
    kept: list[ScreenedRow]
    dropped: ScreenedRow


def candidate_of(row: ScreenedRow) -> CandidateRow:
    fields = {name: getattr(row, name, "") for name in CandidateRow._fields}
    return CandidateRow(**(fields | {"reason": "", "detail": ""}))


def jpeg(colour):
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


class _Maker:
    def __init__(self, out, screened, image, cluster):
        self.out = out
        self.rows = [
            screened._replace(candidate_id=f"{n}" * 32, image_url=f"http://a.test/{n}.jpg", caption=f"돌하르방 {n}")
            for n in range(3)
        ]
        self.rows[2] = self.rows[2]._replace(outcome="drop", reason=Reason.CAPTION_TOO_SHORT)
        self.jpegs = [jpeg("red"), jpeg("blue")]
        self.images = []
        for row, data in zip(self.rows, self.jpegs, strict=False):
            digests = {"raw_sha256": sha256_hex(b"raw" + data), "stored_sha256": sha256_hex(data)}
            self.images.append(
                image._replace(image_url=row.image_url, final_url=row.image_url, stored_bytes=len(data), **digests)
            )
        self.cluster = cluster
        self.stages = {}

    def begin(self, stage):
        plan = StagePlan(stage=stage, covers={"version": 1}, root=self.out)
        return Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))

    def end(self, attempt, parts, books):
        self.stages[attempt.plan.stage] = attempt.commit(Done(sorted(parts), outcome_tallies(books)))

    def make(self):
        self.extract()
        self.screen()
        self.fetch()
        self.dedupe()
        self.select()
        self.pack()

    def extract(self):
        attempt = self.begin(Stage.EXTRACT)
        page = PageRow(
            "http://a.test/",
            "warc",
            "/data/a.warc.gz",
            17,
            "d" * 64,
            200,
            "2026-01-01T00:00:00Z",
            "utf-8",
            3,
            "keep",
            "",
            "",
        )
        candidates = [candidate_of(row) for row in self.rows]
        parts = [
            write_part(attempt.place, "candidates", 0, CandidateRow, candidates),
            write_part(attempt.place, "pages", 0, PageRow, [page]),
        ]
        self.end(attempt, parts, {(Outcome.KEEP, ""): 3})

    def screen(self):
        attempt = self.begin(Stage.SCREEN)
        parts = [write_part(attempt.place, "screened", 0, ScreenedRow, self.rows)]
        self.end(attempt, parts, {(Outcome.KEEP, ""): 2, (Outcome.DROP, Reason.CAPTION_TOO_SHORT): 1})

    def fetch(self):
        attempt = self.begin(Stage.FETCH)
        with ContentFile(attempt.place.path) as content:
            tar = TarWriter(content.file)
            offsets = [
                tar.add(f"{fingerprint(row.image_url)[:32]}.jpg", data)
                for row, data in zip(self.images, self.jpegs, strict=True)
            ]
            tar.close()
            staging = attempt.place.part("staging", 0, content.publish("staging-00000", ".tar"), 2)
        self.images = [
            row._replace(staging=staging.path, staging_offset=at, staging_length=len(data))
            for row, at, data in zip(self.images, offsets, self.jpegs, strict=True)
        ]
        images = write_part(attempt.place, "images", 0, ImageRow, self.images)
        self.end(attempt, [staging, images], {(Outcome.KEEP, ""): 2})

    def dedupe(self):
        attempt = self.begin(Stage.DEDUPE)
        self.clusters = [
            self.cluster._replace(image_url=row.image_url, representative_url=row.image_url, cluster=row.raw_sha256)
            for row in self.images
        ]
        parts = [write_part(attempt.place, "clusters", 0, ClusterRow, self.clusters)]
        self.end(attempt, parts, {(Outcome.KEEP, ""): 2})

    def select(self):
        attempt = self.begin(Stage.SELECT)
        decided = [
            outcome.decide(row, image, cluster, Select(filters=()))
            for row, image, cluster in zip(self.rows, [*self.images, None], [*self.clusters, None], strict=True)
        ]
        chosen = [found for contender in decided[:2] for found in choose([contender])]
        outcomes = [found.outcome for found in chosen] + [decided[2]]
        parts = [
            write_part(attempt.place, "outcomes", 0, OutcomeRow, outcomes),
            write_part(attempt.place, "selected", 0, SelectedRow, [found.sample for found in chosen]),
            write_part(
                attempt.place,
                "concepts",
                0,
                ConceptCount,
                [ConceptCount("문화유산", "", 2), ConceptCount("문화유산", "돌하르방", 2)],
            ),
        ]
        self.end(attempt, parts, {(Outcome.KEEP, ""): 2, (Outcome.DROP, Reason.CAPTION_TOO_SHORT): 1})

    def pack(self):
        attempt = self.begin(Stage.PACK)
        do_fn = pack.PackShard(attempt.place, self.stages[Stage.FETCH].folder)
        shards = pack.shards_of(self.stages[Stage.SELECT], 1)
        packed = [done for shard in shards for done in do_fn.process(shard)]
        (path,) = self.stages[Stage.SELECT].paths("selected")
        self.stages[Stage.PACK] = attempt.commit(merge_done([*packed, *indexed(attempt.place, path, len(shards))]))


def indexed(place, path, samples):
    """Return what writing the index of the selected samples at ``path`` yields, without an engine."""
    rules = DuplicateRules()
    slices, done = defaultdict(list), []

    def take(outputs):
        for output in outputs:
            if isinstance(output, TaggedOutput):
                part, piece = output.value
                slices[output.tag, part].append(piece)
            else:
                done.append(output)

    take(index_writer.SpreadSamples(place, rules, samples).process(path))
    for writer, name in (
        (index_writer.WriteImages(place), "images"),
        (index_writer.WriteViews(place, rules, samples), "views"),
        (index_writer.WriteBand(place), "rows"),
    ):
        for tag, part in sorted(slices):
            if tag == name:
                take(writer.process((part, slices[tag, part])))
    return done


@pytest.fixture
def index(tmp_path):
    """Write the index of samples; return the rows of its tables, by table and partition."""

    def written(rows):
        place = AttemptPlace(str(tmp_path), "attempt-1")
        path = str(tmp_path / write_part(place, "selected", 0, SelectedRow, rows).path)
        parts = [part for done in indexed(place, path, len(rows)) for part in done.parts]
        return {(part.table, part.partition): pq.read_table(tmp_path / part.path).to_pylist() for part in parts}

    return written


@pytest.fixture
def output(tmp_path, screened, image, cluster):
    """A finished run: every stage but the crawl committed, a dataset of two shards published."""
    from pipelines.run import RUN_RECORD, RunRecord

    maker = _Maker(str(tmp_path / "out"), screened, image, cluster)
    maker.make()
    plans = {stage: committed.manifest.fingerprint for stage, committed in maker.stages.items()}
    manifest = dataset.publish(
        maker.out,
        maker.stages[Stage.PACK],
        hashes=hash_index.files_of(maker.stages[Stage.PACK]),
        index=hash_index.index_bytes(DuplicateRules(), 2),
        name="작은 모음",
        licence="apache-2.0",
        ledger=ledger_of(maker.stages[Stage.SELECT]),
        concepts=concept_counts.total(maker.stages[Stage.SELECT], NOTHING_ADDED.categories()),
        stages=plans,
        version="0.1",
    )
    record = RunRecord(
        workflow={"name": "작은 모음"},
        fingerprints=plans,
        folders={stage: os.path.basename(committed.folder) for stage, committed in maker.stages.items()},
        harubang="0.1",
    )
    (tmp_path / "out" / RUN_RECORD).write_bytes(msgspec.json.encode(record))
    return Output(maker.out, maker.stages, manifest, maker.rows[:2], maker.rows[2])
