import runpy
from pathlib import Path

from pipelines.stage_costs import COSTS
from schemas.reasons import Stage

ROOT = Path(__file__).parents[2]


def test_every_stage_has_its_cost():
    assert list(COSTS) == list(Stage)
    assert all(cost.microseconds > 0 and cost.written > 0 for cost in COSTS.values())


def test_the_tables_of_the_readme_are_made_of_the_costs():
    bench = runpy.run_path(str(ROOT / "tests" / "bench" / "stage_costs.py"), run_name="read")
    assert bench["table"]() in (ROOT / "workflows" / "README.md").read_text(encoding="utf-8")
