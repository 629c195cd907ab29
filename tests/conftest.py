"""What every test has: no property is timed; and records that several tests start from."""

import pytest
from hypothesis import settings

from pipelines import s3
from schemas.records import (
    CaptionCandidate,
    ClusterRow,
    Consent,
    Contender,
    ImageRow,
    Score,
    ScreenedRow,
    Verdict,
)
from tests.object_store import BUCKET, FaultyProxy, environment, served
from tests.worker_pools import pools

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """The address of a real S3 server on loopback."""
    with served(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def s3_proxy(s3_server, monkeypatch):
    """A proxy before the server that can be made to fail; this process and its children go through it."""
    with FaultyProxy(s3_server) as proxy:
        for name, value in environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        s3._clients.clear()
        yield proxy
    s3._clients.clear()


@pytest.fixture
def s3_folder(s3_proxy, tmp_path):
    """An empty folder on the server."""
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.fixture
def worker_pools(tmp_path):
    """The options that run a pipeline on the worker process of a job service."""
    with pools(tmp_path) as options:
        yield options


@pytest.fixture
def screened():
    return ScreenedRow(
        candidate_id="0" * 32,
        unit="image",
        image_url="http://a.test/1.jpg",
        page_url="http://a.test/",
        page_title="제주 여행",
        captions=[CaptionCandidate("alt", "공원에 선 돌하르방", "/html/body/img")],
        source_kind="warc",
        source="/data/a.warc.gz",
        source_offset=17,
        source_digest="d" * 64,
        captured_at="2026-01-01T00:00:00Z",
        caption="공원에 선 돌하르방",
        caption_kind="alt",
        caption_path="/html/body/img",
        caption_raw="공원에 선 돌하르방",
        why="alt",
        steps=[],
        concepts=["돌하르방"],
        morphemes=5,
        outcome="keep",
        reason="",
        detail="",
        verdicts=[Verdict("caption_length@1", "keep", "", 9.0, 4.0)],
    )


@pytest.fixture
def image():
    return ImageRow(
        image_url="http://a.test/1.jpg",
        final_url="http://a.test/1.jpg",
        fetched_at="2026-01-01T00:00:01Z",
        http_status=200,
        address="127.0.0.1",
        consent=[Consent("robots.txt", "sha256:00", True)],
        outcome="keep",
        reason="",
        detail="",
        raw_sha256="a" * 64,
        raw_bytes=1000,
        raw_format="JPEG",
        stored_sha256="b" * 64,
        stored_bytes=900,
        width=400,
        height=300,
        original_width=800,
        original_height=600,
        orientation=1,
        frames=1,
        reencoded=True,
        phash="8000000000000000",
        phash256="8" + "0" * 63,
        dhash="8000000000000000",
        clear_bits=64,
        trimmed_phash="",
        trimmed_phash256="",
        trimmed_clear_bits=0,
        scores=[Score("short_side", 300.0)],
        staging="attempt-1/staging.tar",
        staging_offset=512,
        staging_length=900,
    )


@pytest.fixture
def cluster():
    return ClusterRow("http://a.test/1.jpg", "c1", "http://a.test/1.jpg", "unique", "", "", 0, 0, 1)


@pytest.fixture
def contender(screened, image, cluster):
    return Contender(screened, image, cluster, [])
