"""A small output folder as a finished run leaves it, made without a run."""

import io
import os
from typing import NamedTuple

import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from pipelines import concept_counts, dataset, outcome, pack
from pipelines.cluster_winner import choose
from pipelines.concept_lexicon import NOTHING_ADDED
from pipelines.ledger import ledger_of
from pipelines.parts import Done, write_part
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
        done = merge_done(done for shard in shards for done in do_fn.process(shard))
        self.stages[Stage.PACK] = attempt.commit(done)


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
