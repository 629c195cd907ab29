"""Real sites through the whole pipeline: real captions from those that have them, next to nothing from the other."""

import functools
import http.server
import json
import os
import re
import threading
from collections import Counter
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.parts import read_rows
from pipelines.run import Run
from pipelines.status import committed_at, current_ledger
from pipelines.workflow import load_workflow
from schemas.records import OutcomeRow

DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
SITES = ("gimp_help_ko", "egovframe", "entry_docs")
WORKFLOW = Path(__file__).parents[2] / "workflows" / "local-site.yaml"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data is not at {DATA}; set HARUBANG_DATA")


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served():
    servers = {}
    for name in SITES:
        handler = functools.partial(Quiet, directory=str(DATA / "sites" / name / "site"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[name] = server
    yield {name: server.server_port for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def kept(served, tmp_path_factory):
    """Return (kept, candidates that are images on pages) by site."""
    out = str(tmp_path_factory.mktemp("sites") / "out")
    seeds = json.dumps([f"http://127.0.0.1:{port}/" for port in served.values()])
    workflow = load_workflow(str(WORKFLOW), [f"sources.crawl.seeds={seeds}"])
    Path(out).mkdir()
    task = Run(workflow, out, PipelineOptions([]))
    task.execute()
    assert current_ledger(out).balanced
    (folder,) = (Path(out) / "stages").glob("select-*")
    by_port = {str(port): name for name, port in served.items()}
    counts = {name: Counter() for name in SITES}
    for path in committed_at(out, folder.name).paths("outcomes"):
        for row in read_rows(path, OutcomeRow):
            if row.unit == "image":
                counts[by_port[re.search(r":(\d+)/", row.page_url)[1]]][row.outcome] += 1
    return counts


def test_sites_with_captions_give_them(kept):
    assert kept["gimp_help_ko"]["keep"] >= 150
    assert kept["egovframe"]["keep"] >= 90


def test_a_site_whose_alts_are_file_names_gives_next_to_nothing(kept):
    assert kept["entry_docs"]["keep"] <= 0.02 * kept["entry_docs"].total()
