"""Checks of what stands now, without building: an old row or a lost key goes bad while nothing is built."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.declare.tables import Check
from pumphouse.errors import UnknownName, did_you_mean
from pumphouse.lake.builds import failed_of
from pumphouse.lake.checking import judge, log_found
from pumphouse.lake.checks import Found, View, check_of
from pumphouse.lake.commit import keep_failed
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import Access
from pumphouse.project.project import Project
from pumphouse.project.running import run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What all checks found in the tables of one snapshot."""

    run: str
    snapshot: int
    found: tuple[Found, ...]

    @property
    def ok(self) -> bool:
        """Whether no check of severity "error" failed."""
        return not any(one.status == "failed" and one.check.severity == "error" for one in self.found)

    def to_dict(self) -> dict[str, Any]:  # JSON
        """The same as plain values."""
        checks = [
            {
                "check": one.check.name,
                "asset": one.check.table,
                "severity": one.check.severity,
                "status": one.status,
                "failing": one.failing,
                "said": one.said,
            }
            for one in self.found
        ]
        return {"run": self.run, "snapshot": self.snapshot, "ok": self.ok, "checks": checks}

    def __str__(self) -> str:
        if not self.found:
            return 'No check is declared. Declare one: NAME = ph.check("TABLE", "CONDITION")'
        statuses = [_word(one) for one in self.found]
        words = [word for word in ("passed", "warns", "failed", "undecided") if word in statuses]
        return f"{', '.join(f'{statuses.count(word)} {word}' for word in words)}; snapshot {self.snapshot}."

    def lines(self) -> list[list[str]]:
        """One line a check: what came of it, its table, its name, and what is wrong."""
        return [[_word(one), one.check.table, one.check.name, one.said] for one in self.found]


def check_tables(project: Project, names: Collection[str] = (), *, now: datetime | None = None) -> Checked:
    """What the checks of these tables, or of all, find in the rows of now; a check's name stands for its table.

    Rows that fail are kept in `<table>__failed`, and what was found is in the state. Raises UnknownName, and BuildError
    for a check that can't be computed.
    """
    moment = now or datetime.now(UTC)
    lake, assets = project.lake, project.graph.assets
    tables = _tables(assets, names)
    run, snapshot = run_id(moment), lake.snapshot()
    view = View(now=moment, snapshot=snapshot, functions=sql_functions(project.config.folder))
    settings = project.settings(moment)
    found: list[Found] = []
    for table, about in tables.items():
        checks = [check_of(one, settings) for one in about]
        if not lake.has(table):
            found += [
                Found(check=one, status="undecided", said=f"check '{one.name}' can't tell yet: '{table}' is not built")
                for one in checks
            ]
            continue
        engine = lake.engine.fork()
        try:
            judged = judge(
                lake, engine, lake.scan(table, snapshot=snapshot), checks, view=view, before=lake.changes(table)[:-1]
            )
        finally:
            engine.close()
        lake.state.access(
            Access(
                at=moment, who=project.who, door=project.door, asset=table, snapshot=snapshot,
                rows=lake.count(table, snapshot=snapshot), run=run,
            )
        )  # fmt: skip
        log_found(lake, judged.found, run=run, snapshot=snapshot)
        if judged.changes(lake):
            keep_failed(lake, judged, run=run, actor=project.who)
        found += judged.found
    checked = Checked(run=run, snapshot=snapshot, found=tuple(found))
    _log(lake, checked, command=" ".join(["check", *names]), actor=project.who, began=moment)
    return checked


def _tables(assets: Mapping[str, Asset], names: Collection[str]) -> dict[str, list[Asset]]:
    """The checks of each table that is asked for."""
    by_table: dict[str, list[Asset]] = {}
    for one in assets.values():
        if isinstance(one.spec, Check):
            by_table.setdefault(one.spec.asset, []).append(one)
    wanted: dict[str, list[Asset]] = {}
    for name in names or by_table:
        spec = assets[name].spec if name in assets else None
        table = spec.asset if isinstance(spec, Check) else name
        if table not in by_table:
            what = f"no check is about '{name}'" if name in assets else f"there is no asset '{name}'"
            mend = f'Declare one: NAME = ph.check("{name}", "CONDITION")' if name in assets else None
            raise UnknownName(what, mend=mend or did_you_mean(name, by_table) or None)
        wanted[table] = by_table[table]
    return wanted


def _log(lake: Lake, checked: Checked, *, command: str, actor: str, began: datetime) -> None:
    lake.state.run_started(checked.run, command=command, actor=actor, at=began)
    lake.state.run_finished(
        checked.run,
        status="done" if checked.ok else "failed",
        at=datetime.now(UTC),
        snapshot=checked.snapshot,
        summary=str(checked),
    )


def where_rows_are(checked: Checked) -> list[str]:
    """The tables in which the rows are that failed."""
    return list(dict.fromkeys(failed_of(one.check.table) for one in checked.found if one.failing))


def _word(one: Found) -> str:
    return "warns" if one.status == "failed" and one.check.severity == "warn" else one.status
