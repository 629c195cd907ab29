"""A run over real pictures that others call duplicates or distinct."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.parts import read_rows
from pipelines.run import Run
from pipelines.status import committed_at
from pipelines.workflow import load_workflow
from schemas.records import ClusterRow, OutcomeRow
from tests.loopback_web import served_folder

SHARED = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
DATA = SHARED / "near_duplicates"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared test data is not here")

NOT_CLAIMED = {
    "reg-test-input/dih:bridge-2-rotate-90": "turned",
    "reg-test-input/dih:bridge-3-rotate-180": "turned",
    "reg-test-input/dih:bridge-4-rotate-270": "turned",
    "reg-test-input/dih:bridge-5-flipx": "mirrored",
    "reg-test-input/dih:bridge-6-flipy": "mirrored",
    "reg-test-input/dih:bridge-7-flip-plus-1": "mirrored and turned",
    "reg-test-input/dih:bridge-8-flip-minus-1": "mirrored and turned",
    # Upright, these are four photographs of one desk from four places, not four copies of one photograph.
    "exif-rotn-1.jpg": "another shot",
    "exif-rotn-3.jpg": "another shot",
    "exif-rotn-6.jpg": "another shot",
    "exif-rotn-8.jpg": "another shot",
}


PLACES = (
    "제주 성산일출봉",
    "경주 불국사",
    "서울 경복궁",
    "부산 해운대",
    "강릉 경포대",
    "전주 한옥마을",
    "안동 하회마을",
    "여수 오동도",
)
THINGS = (
    "돌담길",
    "너머의 저녁 노을",
    "앞을 걷는 사람들",
    "뒷산의 소나무",
    "겨울 풍경",
    "옛 다리",
    "아침 안개",
    "마당에 핀 동백꽃",
)
"""Captions that the screen keeps: what they say does not matter here."""


class Found(NamedTuple):
    """What became of one picture of the truth: its cluster's row, and its candidate's outcome."""

    told: dict[str, str]
    cluster: ClusterRow
    outcome: OutcomeRow


WORKFLOW = """
name: near duplicates
sources: {{tables: [{{path: {folder}/pairs.csv, url: url, caption: caption}}]}}
network: {{allow_loopback: true, connections_per_host: 8, delay_seconds: 0}}
select: {{filters: []}}
"""


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """The pictures, fetched from a server with a caption each, decoded, hashed and deduped by one run with defaults."""
    with (DATA / "truth.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if not row["path"].endswith(".md")]
    folder = tmp_path_factory.mktemp("near")
    out = folder / "out"
    out.mkdir()
    with served_folder(DATA) as base:
        urls = [f"{base}/{row['path']}" for row in rows]
        captions = [f"{place} {thing}" for place in PLACES for thing in THINGS]
        lines = [",".join(pair) for pair in zip(urls, captions, strict=False)]
        (folder / "pairs.csv").write_text("\n".join(["url,caption", *lines]), encoding="utf-8")
        (folder / "workflow.yaml").write_text(WORKFLOW.format(folder=folder), encoding="utf-8")
        Run(load_workflow(str(folder / "workflow.yaml"), []), str(out), PipelineOptions([])).execute()
    clusters = {row.image_url: row for row in rows_of(out, "dedupe", "clusters", ClusterRow)}
    outcomes = {row.image_url: row for row in rows_of(out, "select", "outcomes", OutcomeRow)}
    return [Found(row, clusters[url], outcomes[url]) for row, url in zip(rows, urls, strict=True)]


def rows_of(out, stage, table, record):
    (folder,) = (out / "stages").glob(f"{stage}-*")
    for path in committed_at(str(out), folder.name).paths(table):
        yield from read_rows(path, record)


def test_every_group_is_found_whole_but_for_what_is_not_claimed(truth):
    claimed: dict[str, set[str]] = {}
    for told, cluster, _ in truth:
        if told["set"] != "pdq_distinct" and told["transform"] not in NOT_CLAIMED:
            claimed.setdefault(told["group"], set()).add(cluster.cluster)
    assert {group: len(found) for group, found in claimed.items()} == {"bridge": 1, "Landscape": 1, "Portrait": 1}


def test_no_two_groups_share_a_cluster_and_the_distinct_pictures_are_all_apart(truth):
    groups: dict[str, set[str]] = {}
    for told, cluster, _ in truth:
        groups.setdefault(cluster.cluster, set()).add(told["group"])
    assert all(len(names) == 1 for names in groups.values())
    sizes = [cluster.size for told, cluster, _ in truth if told["set"] == "pdq_distinct"]
    assert sizes == [1] * 7


def test_what_is_not_claimed_is_indeed_not_found(truth):
    alone = {told["transform"] for told, cluster, _ in truth if cluster.size == 1}
    assert alone - {"distinct"} == set(NOT_CLAIMED)
    assert Counter(cluster.match for _, cluster, _ in truth) == {"unique": 18, "near": 42, "exact": 3}


def test_one_picture_of_each_cluster_is_kept_and_each_other_one_says_what_it_is_a_copy_of(truth):
    kept = [cluster.cluster for _, cluster, outcome in truth if outcome.outcome == "keep"]
    assert sorted(kept) == sorted({cluster.cluster for _, cluster, _ in truth})
    for _, cluster, outcome in truth:
        if outcome.reason == "duplicate_near":
            assert "bits from http://127.0.0.1:" in outcome.detail
            assert f"in cluster {cluster.cluster[:12]}" in outcome.detail
        else:
            assert (outcome.outcome, outcome.reason) in [("keep", ""), ("drop", "duplicate_exact")]
