"""A release that covers less than is demanded is not published, and what was published before stays."""

import shutil

import pytest

from tests.e2e.conftest import DEMO, root_of


@pytest.fixture
def out(demo, tmp_path):
    """A copy of the demo's output, so that only selection and packing are run again."""
    shutil.copytree(demo, tmp_path / "out")
    return tmp_path / "out"


def published(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in [*sorted((out / "dataset").rglob("*")), out / "report.html"]
        if path.is_file()
    }


def test_fewer_than_last_time_fails_and_publishes_nothing(demo, out, run_harubang):
    before = published(out)
    asked = ("--out", out, "--set", f"release.coverage.against={demo}", "--set", "select.balance.concept_count=2")
    line = run_harubang("plan", DEMO, *asked).stdout.decode().splitlines()[-1]
    assert line.split()[:3] == ["release", "check", "dataset"]

    done = run_harubang("run", DEMO, *asked)
    assert done.returncode == 1, done.stderr
    (told,) = [line for line in done.stderr.decode().splitlines() if line.startswith("harubang: ")]
    assert told.startswith("harubang: release.coverage: ")
    assert f" samples, {demo} has " in told
    assert told.endswith(f"Nothing was published; {out}/dataset is as it was")
    assert published(out) == before

    line = run_harubang("plan", DEMO, *asked).stdout.decode().splitlines()[-1]
    assert line.split()[:3] == ["release", "fail", "dataset"]
    assert told.removeprefix("harubang: ").split(". Nothing")[0] in line


def test_as_many_as_last_time_is_published(out, run_harubang):
    root = root_of(out)
    asked = ("--out", out, "--set", f"release.coverage.against={out}")
    line = run_harubang("plan", DEMO, *asked).stdout.decode().splitlines()[-1]
    assert line.split()[:3] == ["release", "pass", "dataset"]
    done = run_harubang("run", DEMO, *asked)
    assert done.returncode == 0, done.stderr
    assert root_of(out) == root


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("release.coverage.against=/none", "release.coverage.against: /none: holds no dataset of harubang"),
        ("release.coverage.concepts={돌하루반: 3}", "the lexicon has no concept '돌하루반'"),
        ("release.coverage.concepts={돌하르방: 0}", "ask for at least 1 each"),
        ("concepts.lexicons=[/none.tsv]", "concepts.lexicons: /none.tsv: cannot be read"),
        ("select.balance={}", "missing required field `concept_count`"),
        ("select.balance.concept_count=0", "concept_count is at least 1"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line_and_exit_2(command, asked, message, tmp_path, call):
    done = call(command, DEMO, "--out", tmp_path / "out", "--set", asked)
    assert (done.code, message in done.err) == (2, True), done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
