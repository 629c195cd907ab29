"""The command line. Exit 0: done; 1: a check failed; 2: the input is wrong; 3: a stage failed and can be resumed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from pipelines import storage
from pipelines.caption_lines import explain_lines
from pipelines.caption_lines import tell as tell_caption
from pipelines.dataset import DatasetManifest
from pipelines.errors import CheckFailed, InputRefused, StageFailed
from pipelines.estimate import estimate
from pipelines.estimate import tell as tell_estimate
from pipelines.ledger import Ledger
from pipelines.lock import locked
from pipelines.plan import describe_plan
from pipelines.run import Run, read_run_record
from pipelines.runner import parse_options
from pipelines.s3 import StoreRefused
from pipelines.status import StageStatus, current_ledger, run_status
from pipelines.trace import tell, trace
from pipelines.train import train as train_classifier
from pipelines.verify import verify
from pipelines.workflow import load_workflow

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program instead of text.")
_SET = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a workflow key.")
_OUT = click.option("--out", required=True, metavar="DIR", help="Output folder; a run into it resumes by itself.")
_RETRY = click.option("--retry-failed", is_flag=True, help="Ask again for what failed for a transient reason.")
_DIR = click.argument("folder", metavar="DIR")


def _say_json(value: Any) -> None:
    click.echo(msgspec.json.encode(value).decode())


@click.group(no_args_is_help=False)
@click.version_option(package_name="harubang")
def cli() -> None:
    """From web pages to a curated Korean image–text dataset, with an account of every candidate."""


@cli.command()
@click.argument("workflow")
@_OUT
@_SET
@_RETRY
@click.option("--json-log", is_flag=True, help="Say on standard error what DIR/log/ gets, in place of progress.")
@click.argument("beam_options", nargs=-1, type=click.UNPROCESSED)
def run(
    workflow: str,
    out: str,
    overrides: Sequence[str],
    retry_failed: bool,
    json_log: bool,
    beam_options: Sequence[str],
) -> None:
    """Run WORKFLOW into DIR. Stages that are committed are skipped. Beam's own options follow ``--``."""
    options = parse_options(beam_options)
    storage.check_output(out)
    loaded = load_workflow(workflow, overrides)
    task = Run(loaded, out, options, retry_failed=retry_failed, log_to=sys.stderr if json_log else None)
    task.plan()
    with locked(out) as lease:
        manifest = task.execute(lease)
    click.echo(_closing_table(out, manifest))


@cli.command()
@click.argument("workflow")
@_OUT
@_SET
@_RETRY
@_AS_JSON
def plan(workflow: str, out: str, overrides: Sequence[str], retry_failed: bool, as_json: bool) -> None:
    """Say what a run of WORKFLOW into DIR would do, why, and how much. Nothing is written, and nobody is asked."""
    loaded = load_workflow(workflow, overrides)
    task = Run(loaded, out, parse_options([]), retry_failed=retry_failed)
    record = read_run_record(out)
    previous, tried = (record.fingerprints, record.retries) if record is not None else ({}, {})
    planned = task.plan()
    stages, expected = describe_plan(planned, previous, tried), estimate(loaded, planned, out)
    if as_json:
        _say_json({"stages": stages, "estimate": expected})
        return
    for stage in stages:
        click.echo(f"{stage.stage:<8} {stage.action:<5} {Path(stage.folder).name:<18} {stage.why}")
    for line in tell_estimate(expected) if expected is not None else ():
        click.echo(line)


@cli.command()
@_DIR
@_AS_JSON
def status(folder: str, as_json: bool) -> None:
    """Show the stages of the run in DIR: state, counts, progress."""
    found = run_status(folder, time.time())
    if as_json:
        _say_json(found)
        return
    for stage in found.stages:
        counts = "  ".join(f"{heading} {number:,}" for heading, number in stage.counts.items() if ":" not in heading)
        click.echo(f"{stage.stage:<8} {stage.state:<10} {counts or _progress(stage)}")


def _progress(stage: StageStatus) -> str:
    if not stage.job:
        return f"{stage.done:,} done" if stage.done else ""
    text = f"{stage.job}: {_of(stage.done, stage.total)} {stage.unit}"
    if stage.reused:
        text += f" ({stage.reused:,} done before)"
    text += f"  {_of(stage.partitions, stage.of_partitions)} partitions"
    if stage.rate is not None:
        text += f"  {stage.rate:,.1f}/s"
    return text + (f"  {stage.seconds_left:,.0f} s left" if stage.seconds_left is not None else "")


def _of(number: int, total: int | None) -> str:
    return f"{number:,}" if total is None else f"{number:,}/{total:,}"


@cli.command()
@_DIR
@_AS_JSON
def ledger(folder: str, as_json: bool) -> None:
    """Show the books of the run in DIR: candidates = kept + dropped by reason. Exit 1 where they do not balance."""
    found = current_ledger(folder)
    if as_json:
        _say_json(found)
    else:
        click.echo(_ledger_table(found))
    if not found.balanced:
        sys.exit(1)


@cli.command(name="trace")
@_DIR
@click.argument("identity", metavar="ID")
@_AS_JSON
def trace_command(folder: str, identity: str, as_json: bool) -> None:
    """Tell the story of ID in DIR: a sample key, candidate id, URL or sha256."""
    story = trace(folder, identity)
    if as_json:
        _say_json(story)
        return
    for line in tell(story):
        click.echo(line)


@cli.command(name="verify")
@_DIR
@_AS_JSON
def verify_command(folder: str, as_json: bool) -> None:
    """Check every byte in DIR against its manifests. Exit 1 where anything differs."""
    found = verify(folder)
    if as_json:
        _say_json(found._asdict())
    else:
        click.echo(f"root {found.root or '-'}\n{'ok' if found.ok else f'{len(found.problems)} problems'}")
        for problem in found.problems:
            click.echo(f"  {problem}")
    if not found.ok:
        sys.exit(1)


@cli.command()
@_AS_JSON
def caption(as_json: bool) -> None:
    """Judge captions from standard input: one line in, one answer out, in order."""
    for explained in explain_lines(sys.stdin.buffer):
        if as_json:
            _say_json(explained.answer)
        else:
            click.echo(tell_caption(explained))


@cli.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--held-out", multiple=True, metavar="FILE", help="A labelled file of sources that are only measured.")
@click.option("--out", required=True, metavar="DIR", help="Where the model and its card go.")
def train(files: Sequence[str], held_out: Sequence[str], out: str) -> None:
    """Train the native-or-translated classifier from labelled FILES: ``native`` or ``translated``, source, text."""
    train_classifier([Path(name) for name in files], Path(out), [Path(name) for name in held_out])
    click.echo(f"model    {Path(out) / 'translated.ftz'}\ncard     {Path(out) / 'MODEL_CARD.md'}")


def _ledger_table(books: Ledger) -> str:
    lines = [f"{'candidates':<28}{books.candidates:>10,}", f"{'kept':<28}{books.kept:>10,}"]
    by_number = sorted(books.dropped.items(), key=lambda pair: (-pair[1], pair[0]))
    lines += [f"{'dropped: ' + reason:<28}  {number:>8,}" for reason, number in by_number]
    return "\n".join([*lines, "balanced" if books.balanced else "NOT balanced"])


def _closing_table(out: str, manifest: DatasetManifest) -> str:
    return "\n".join(
        [
            "",
            _ledger_table(manifest.ledger),
            "",
            f"shards   {storage.join(out, 'dataset', 'shards')}",
            f"parquet  {storage.join(out, 'dataset', 'parquet')}",
            f"report   {storage.join(out, 'report.html')}",
            f"root     {manifest.root}",
        ]
    )


def main() -> None:
    """Run the command line and turn the ways of ending badly into one line and an exit code."""
    try:
        cli.main(standalone_mode=False)
    except (CheckFailed, InputRefused, StageFailed) as error:
        click.echo(f"harubang: {error}", err=True)
        sys.exit(error.exit_code)
    except StoreRefused as error:
        click.echo(f"harubang: {error}; run the same command to resume", err=True)
        sys.exit(StageFailed.exit_code)
    except click.ClickException as error:
        click.echo(f"harubang: {error.format_message().rstrip('.')}; see harubang --help", err=True)
        sys.exit(InputRefused.exit_code)
    except click.Abort:
        sys.exit(StageFailed.exit_code)
