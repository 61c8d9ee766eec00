"""Changes to the lake that a person makes, apart from builds: restoring a table, hiding a person."""

from __future__ import annotations

from pumphouse.errors import LakeError, SnapshotExpired, UnknownName
from pumphouse.lake.builds import Build, Counts
from pumphouse.lake.commit import Commit
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.lake import Lake
from pumphouse.lake.pinning import newest_with


def restore(lake: Lake, table: str, *, to: int, run: str, actor: str) -> Build:
    """The build that makes a table what it was at an earlier snapshot; the newest one where it is that already.

    It takes the fingerprint and input versions of the newest build, so the table counts as fresh until its code or an
    input changes again; a source takes the cursor of then, so what came later is fetched again when it is next due.
    A snapshot that left will do while another one is kept in which the table is the same. Raises UnknownName where the
    table was not there at that snapshot, LakeError where it then held somebody who is hidden since and no column of the
    table says whose rows they are.
    """
    there = _readable(lake, table, to)
    if not lake.has(table, snapshot=there):
        versions = [build.snapshot for build in lake.history(table)]
        raise UnknownName(
            f"'{table}' did not exist at snapshot {to}",
            asset=table,
            mend=f"It was built at {', '.join(map(str, versions[-8:]))}." if versions else None,
        )
    newest = lake.builds().get(table)
    if newest is not None and lake.version(table, snapshot=there) == lake.version(table):
        return newest
    then = [build for build in lake.history(table) if build.snapshot <= to]
    if (source := _hidden_since(lake, table, to, seen=set())) is not None:
        raise LakeError(
            f"'{table}' was made at snapshot {to} from rows of '{source}' whose person was hidden since",
            asset=table,
            mend=f"Restoring would bring them back. Build it anew: pumphouse run {table} --full",
        )
    commit = Commit(
        lake,
        table,
        run=run,
        actor=actor,
        fingerprint=newest.fingerprint if newest else "",
        inputs=newest.inputs if newest else {},
        accept_schema=True,
    )
    commit.restore(table, to=there)
    commit.detail(restored=to)
    if then:
        commit.cursor(then[-1].cursor)
        if then[-1].raw:
            commit.raw(then[-1].raw)
    rows = lake.count(table, snapshot=there)
    build = commit.publish(Counts(rows_in=rows, rows_out=rows))
    assert build is not None  # a restore always makes a snapshot
    return build


def _readable(lake: Lake, table: str, snapshot: int) -> int:
    """The snapshot, or where it left another one in which the table is the same."""
    try:
        refuse_missing(snapshot, catalogue=lake.catalogue)
    except SnapshotExpired:
        same = newest_with(lake, table, at=snapshot)
        if same is None:
            raise
        return same
    return snapshot


def _hidden_since(lake: Lake, table: str, snapshot: int, *, seen: set[str]) -> str | None:
    """An input of the table as it was at a snapshot from which somebody was hidden later; none where it hides them."""
    seen.add(table)
    then = next((build for build in reversed(lake.history(table)) if build.snapshot <= snapshot), None)
    for name in then.inputs if then is not None else ():
        if name in seen or not lake.has(name):
            continue
        if lake.hidden_at(name) > max(snapshot, lake.hidden_at(table)):
            return name
        if (further := _hidden_since(lake, name, snapshot, seen=seen)) is not None:
            return further
    return None


def hide(lake: Lake, *, entity: str, value: object, why: str, run: str, actor: str) -> Build:
    """The build that hides a person: rows whose column `entity` is `value` leave every scan at every snapshot, at once.

    Tables that read such rows become stale and are rebuilt without them by the next run.
    """
    commit = Commit(lake, f"tombstone {entity}", run=run, actor=actor)
    commit.tombstone(entity, str(value), why=why)
    build = commit.publish()
    assert build is not None  # a tombstone always makes a snapshot
    return build
