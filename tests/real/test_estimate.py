"""What `harubang plan` estimates of real archives from their beginnings, against what is in the whole of them."""

import os
from pathlib import Path

import pytest

from pipelines import source_sample
from pipelines.estimate import scaled
from pipelines.extract import SourceUnit, extract_unit

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data is not at {DATA}; set HARUBANG_DATA")


@pytest.fixture(scope="module")
def units():
    paths = sorted((DATA / "warc").rglob("*.warc.gz"))
    return [SourceUnit("warc", str(path), path.stat().st_size) for path in paths]


@pytest.fixture(scope="module")
def truth(units):
    found = [one for unit in units for one in extract_unit(unit, agent="harubang")]
    pages = sum(one.passed or one.page is not None for one in found)
    return pages, sum(len(one.candidates) for one in found)


def test_archives_that_fit_are_counted(units, truth):
    sample = source_sample.sample_sources(units, agent="harubang")
    assert scaled(sample, lambda file: file.pages).value == truth[0]
    assert scaled(sample, lambda file: len(file.candidates)).value == truth[1]


@pytest.mark.parametrize("kib", [100, 300])
def test_of_larger_ones_the_truth_lies_within_the_bounds(units, truth, kib, monkeypatch):
    monkeypatch.setattr(source_sample, "BYTES", kib << 10)
    sample = source_sample.sample_sources(units, agent="harubang")
    pages, candidates = scaled(sample, lambda file: file.pages), scaled(sample, lambda file: len(file.candidates))
    assert pages.low <= truth[0] <= pages.high
    assert candidates.low <= truth[1] <= candidates.high
    assert candidates.value == pytest.approx(truth[1], rel=0.5)
