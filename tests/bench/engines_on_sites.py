"""Real Korean sites, served on loopback, through every engine that is here: one root, and how long each took.

    python tests/bench/engines_on_sites.py [SITE …]     default: gimp_help_ko; the names in shared/data/sites
    HARUBANG_ENGINES=flink-1.20,embedded …              only these; the embedded engine always comes first

Ends with exit code 1 if a root differs. The clusters need what ``make cluster-parts ENGINE=…`` brings, the store too
(`workflows/cluster`); what is not there is left out, and said so.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.loopback_web import served_folder  # noqa: E402 - found from the checkout only
from tests.worker_pools import pools  # noqa: E402
from workflows.cluster import servers  # noqa: E402
from workflows.cluster.demo import run  # noqa: E402

DATA = Path(os.environ.get("HARUBANG_DATA") or ROOT.parent / "shared" / "data") / "sites"
TOOLS = Path(os.environ.get("HARUBANG_CLUSTER_PARTS") or ROOT / ".tools")
WORKFLOW = ROOT / "workflows" / "local-site.yaml"
TWO_WORKERS = ("--", "--direct_num_workers=2", "--direct_running_mode=multi_processing")
ENGINES = ("embedded-2", "embedded-s3", "job-service", "flink-1.20", "spark-3")


def run_on(engine: str, folder: Path, settings: list[str]) -> tuple[str, float]:
    """Run the sites on one engine and return the dataset's root and the seconds it took.

    Raises:
        ClusterError: what it needs is not here.
    """
    if engine == "embedded":
        return run(WORKFLOW, str(folder / "out"), *settings)
    if engine == "embedded-2":
        return run(WORKFLOW, str(folder / "out"), *settings, *TWO_WORKERS)
    if engine == "job-service":
        with pools(folder) as options:
            return run(WORKFLOW, str(folder / "out"), *settings, "--", *options)
    parts = servers.find_parts("flink-1.20" if engine == "embedded-s3" else engine, TOOLS)
    with ExitStack() as stack:
        port = servers.free_port()
        store = servers.store_variables(port)
        servers.start_store(stack, folder, parts.store, port)
        options = []
        if engine != "embedded-s3":
            options = ["--", *servers.start_cluster(stack, folder, engine, parts, store).options]
        return run(WORKFLOW, f"s3://{servers.BUCKET}/out", *settings, *options, **store)


def main() -> None:
    """Print a line an engine."""
    names = sys.argv[1:] or ["gimp_help_ko"]
    if not DATA.is_dir():
        print(f"the real sites are not at {DATA}; set HARUBANG_DATA")
        return
    asked = os.environ.get("HARUBANG_ENGINES")
    engines = ["embedded", *(name for name in (asked.split(",") if asked else ENGINES) if name != "embedded")]
    roots: dict[str, str] = {}
    first = 0.0
    with ExitStack() as stack:
        seeds = [f"{stack.enter_context(served_folder(DATA / name / 'site'))}/" for name in names]
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = [f"--set=sources.crawl.seeds={json.dumps(seeds)}"]
        for engine in engines:
            (Path(folder) / engine).mkdir()
            try:
                roots[engine], seconds = run_on(engine, Path(folder) / engine, settings)
            except servers.ClusterError as error:
                print(f"{engine:<12} left out: {error}")
                continue
            first = first or seconds
            print(f"{engine:<12} {seconds:6.0f} s  x {seconds / first:4.1f}  {roots[engine]}", flush=True)
    sys.exit(len(set(roots.values())) != 1)


if __name__ == "__main__":
    main()
