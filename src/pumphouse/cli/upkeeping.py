"""`pumphouse upkeep`: fewer files, and those that nothing needs any more gone."""

from __future__ import annotations

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_columns, print_json, print_note, print_text
from pumphouse.project.upkeep import Upkeep, foreseen, keep_up


def upkeep(*, dry_run: bool = False, retention: str | None = None, json: bool = False, call: Call) -> None:
    """Merge small files, write those with deleted rows again, and remove what nothing needs.

    Snapshots older than the retention leave the lake, but for the newest and for those that something pins: the newest
    build of each asset, a model, a verdict. Without a retention, none does. Files that are in no snapshot go a day
    later, so that who reads them reads on.

    For example:

        pumphouse upkeep --dry-run
        pumphouse upkeep --retention "30 days"

    Args:
        dry_run: Only say what would be freed, and which old snapshots are pinned by what.
        retention: How long snapshots are kept, at least "1 day"; without it, `retention` in `[upkeep]`.
        json: Print it as JSON.
    """
    with open_project(call) as project:
        done = (
            foreseen(project, retention=retention) if dry_run else keep_up(project, retention=retention, say=print_note)
        )
    if json:
        print_json(done)
    else:
        _print(done, dry_run=dry_run)


def _print(done: Upkeep, *, dry_run: bool) -> None:
    would = "would " if dry_run else ""
    if done.expiry is None:
        print_text('No snapshot leaves without a retention: [upkeep] retention = "30 days" in pumphouse.toml.')
    else:
        count = len(done.expiry.snapshots)
        print_text(
            f"{count:,} snapshot{'' if count == 1 else 's'} {would}leave, with {done.expiry.files:,} files of"
            f" {done.expiry.bytes:,} bytes that are in no other; these go a day later."
        )
    print_text(f"{done.files:,} files of {done.bytes:,} bytes {would}go now: they are in no snapshot.")
    if done.expiry is not None and done.expiry.kept:
        print_text("Older than the retention, and pinned:")
        print_columns(
            [["snapshot", "made", "bytes", "by"]]
            + [
                [str(one.snapshot), f"{one.at:%Y-%m-%d %H:%M}", f"{one.bytes:,}", "; ".join(one.why)]
                for one in done.expiry.kept
            ]
        )
