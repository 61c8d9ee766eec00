"""What one asset is: what it means, its columns, where it comes from, how it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pumphouse.catalog.lineage import made_from
from pumphouse.catalog.words import ago, counted, plain
from pumphouse.declare.asset import Asset, Kind
from pumphouse.declare.checks import code_of
from pumphouse.declare.external import External
from pumphouse.declare.tables import Check
from pumphouse.engines.engine import HIDDEN_COLUMNS
from pumphouse.errors import Place, UnknownName, did_you_mean
from pumphouse.graph.plan import NOT_BUILT
from pumphouse.lake.builds import Build, Counts, quarantine_of
from pumphouse.lake.column_docs import column_docs
from pumphouse.lake.lake import Lake
from pumphouse.lake.state import CheckRecord

BUILDS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column with its type in SQL. `*` does not select a hidden one, which the lake keeps for itself."""

    name: str
    type: str
    hidden: bool
    doc: str = ""
    """What it means, where the kind that built the table knows: of an answer the question and its choices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneBuild:
    """A committed build: the snapshot that it made and what became of the rows."""

    snapshot: int
    at: datetime
    actor: str
    run: str
    counts: Counts
    restored: int | None
    """The snapshot whose content it took up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The documentation of one asset as of `now`."""

    name: str
    kind: Kind
    doc: str
    owner: str | None
    key: tuple[str, ...]
    every: str | None
    place: Place
    definition: str
    """The text of an SQL file or report; of other kinds the statement that declares it."""
    result: str
    """What came of a model, a rollout or an experiment, in lines; empty for others."""
    checks: tuple[str, ...]
    upstream: tuple[str, ...]
    """What it reads directly."""
    downstream: tuple[str, ...]
    """What is made from it directly."""
    columns: tuple[Column, ...]
    rows: int | None
    """None for what is no table, or was not built yet."""
    quarantined: int | None
    """Cells and rows in its quarantine; None where it has none."""
    builds: tuple[OneBuild, ...]
    """The last ones, newest first."""
    behind: tuple[str, ...]
    """Inputs that have changed since the last build."""
    now: datetime
    lies: str = ""
    """Of what stays elsewhere, what it is there."""

    @property
    def freshness(self) -> str:
        """How fresh its content is, in words: "built yesterday; orders has changed since"."""
        if not self.builds:
            return "not built yet"
        built = f"built {ago(self.builds[0].at, now=self.now)}"
        if not self.behind:
            return f"{built}; none of its inputs has changed since" if self.upstream else built
        return f"{built}; {', '.join(self.behind)} {'has' if len(self.behind) == 1 else 'have'} changed since"

    def to_dict(self) -> dict[str, Any]:  # values of JSON; times as ISO 8601
        """The same as plain values, for JSON."""
        return {**{name: plain(value) for name, value in asdict(self).items()}, "freshness": self.freshness}

    def to_text(self) -> str:
        """The same as lines that a person reads."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name} ({self.kind}, {self.place})"
        yield from (f"  {line}" for line in (self.doc or "Nobody has documented it.").splitlines())
        facts = {
            "lies": self.lies,
            "owner": self.owner or "nobody",
            "key": ", ".join(self.key),
            "every": self.every,
            "rows": f"{self.rows:,}" if self.rows is not None else None,
            "quarantine": f"{self.quarantined:,}" if self.quarantined is not None else None,
            "fresh": self.freshness if self.kind not in NOT_BUILT else None,
            "reads": ", ".join(self.upstream),
            "feeds": ", ".join(self.downstream),
        }
        yield ""
        yield from (f"{name:<11}{value}" for name, value in facts.items() if value)
        yield from self._section("result", self.result.splitlines())
        yield from self._section("columns", [_column_line(column, self.columns) for column in self.columns])
        yield from self._section("checks", self.checks)
        yield from self._section("builds", [_build_line(build, now=self.now) for build in self.builds])
        yield from self._section("definition", self.definition.strip().splitlines())

    @staticmethod
    def _section(title: str, lines: tuple[str, ...] | list[str]) -> Iterator[str]:
        if lines:
            yield ""
            yield title
            yield from (f"  {line}".rstrip() for line in lines)


def describe(
    lake: Lake, assets: Mapping[str, Asset], name: str, *, folder: Path, now: datetime, result: str = ""
) -> Description:
    """What the asset `name` is and how it stands. Raises UnknownName, with the nearest name.

    `folder` is the project's, where the declaration is read.
    `result` says what came of one whose result is no table: only its own room can tell.
    """
    if name not in assets:
        raise UnknownName(f"there is no asset '{name}'", asset=name, mend=did_you_mean(name, assets) or None)
    asset = assets[name]
    builds = _builds(lake, name)
    is_there = asset.makes_table and lake.has(name)
    quarantine = quarantine_of(name)
    return Description(
        name=name,
        kind=asset.kind,
        doc=asset.common.doc.strip(),
        owner=asset.common.owner,
        key=asset.common.key,
        every=asset.common.every,
        place=asset.place,
        definition=_definition(asset, folder),
        result=result,
        checks=_check_lines(lake, assets, name, now=now),
        upstream=asset.inputs,
        downstream=made_from(assets).get(name, ()),
        columns=_columns(lake, name, builds) if is_there else (),
        rows=lake.count(name) if is_there else None,
        quarantined=lake.count(quarantine) if is_there and lake.has(quarantine) else None,
        builds=tuple(
            OneBuild(
                snapshot=one.snapshot,
                at=one.at,
                actor=one.actor,
                run=one.run,
                counts=one.counts,
                restored=one.detail.get("restored"),
            )
            for one in reversed(builds[-BUILDS_SHOWN:])
            if one.at is not None
        ),
        behind=_behind(lake, builds[-1]) if builds else (),
        now=now,
        lies=_lies(asset),
    )


def _lies(asset: Asset) -> str:
    if not isinstance(asset.spec, External):
        return ""
    of = f" of connection '{asset.spec.connection}'" if asset.spec.connection else ""
    return f"{asset.spec.table or asset.spec.pattern}{of}, read there as it is now; there are no snapshots of it"


def _builds(lake: Lake, name: str) -> tuple[Build, ...]:
    """The builds of an asset; those of the lake above where this one never built it."""
    return _home(lake, name).history(name)


def _home(lake: Lake, name: str) -> Lake:
    return lake.upstream if lake.upstream is not None and not lake.history(name) else lake


def _behind(lake: Lake, build: Build) -> tuple[str, ...]:
    versions = lake.versions()
    return tuple(name for name, version in build.inputs.items() if versions.get(name, version) != version)


def _columns(lake: Lake, name: str, builds: tuple[Build, ...]) -> tuple[Column, ...]:
    described = lake.engine.fork().execute(f"DESCRIBE {lake.scan(name).relation}")
    docs = column_docs(_home(lake, name), builds[-1]) if builds else {}
    columns = [
        Column(name=row[0], type=row[1], hidden=row[0] in HIDDEN_COLUMNS, doc=docs.get(row[0], "")) for row in described
    ]
    return tuple(sorted(columns, key=lambda column: column.hidden))


def _checks(asset: Asset, name: str) -> bool:
    return isinstance(asset.spec, Check) and asset.spec.asset == name


def _definition(asset: Asset, folder: Path) -> str:
    """The text that declares it: the file's, or the statement's in a Python file."""
    text = getattr(asset.spec, "text", None)
    if isinstance(text, str):
        return text
    try:
        lines = (folder / asset.place.file).read_text(encoding="utf-8").splitlines()
        tree = ast.parse("\n".join(lines))
    except (OSError, ValueError, SyntaxError):  # it was changed since it was loaded
        return ""
    for statement in tree.body:
        first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
        if first <= asset.place.line <= (statement.end_lineno or first):
            return "\n".join(lines[first - 1 : statement.end_lineno])
    return ""


def _column_line(column: Column, columns: tuple[Column, ...]) -> str:
    width, kind = max(len(one.name) for one in columns), max(len(one.type) for one in columns)
    said = "(hidden)" if column.hidden else column.doc
    return f"{column.name:<{width}}  {column.type:<{kind}}  {said}".rstrip()


def _check_lines(lake: Lake, assets: Mapping[str, Asset], name: str, *, now: datetime) -> tuple[str, ...]:
    """What each check of an asset says, and how it went when it was last run."""
    about = [one for _, one in sorted(assets.items()) if _checks(one, name)]
    last = lake.state.last_checks(name) if about and lake.writable else {}
    return tuple(_check_line(one, last.get(one.name), now=now) for one in about)


def _check_line(check: Asset, last: CheckRecord | None, *, now: datetime) -> str:
    where = f" where {check.spec.where}" if check.spec.where else ""
    line = f"{check.name}: {code_of(check.spec.condition)}{where} ({check.spec.severity})"
    if last is None:
        return line
    rows = f" by {counted(last.failing, 'row')}" if last.failing else ""
    went = f"{last.status}{rows} {ago(last.at, now=now)}"
    return f"{line}; {went}{'' if last.snapshot is not None else ', and refused a build'}"


def _build_line(build: OneBuild, *, now: datetime) -> str:
    counts = {
        "in": build.counts.rows_in,
        "out": build.counts.rows_out,
        "quarantined": build.counts.quarantined,
        "dropped": build.counts.dropped,
        "merged": build.counts.merged,
        "withheld": build.counts.withheld,
    }
    said = [f"{number:,} {what}" for what, number in counts.items() if number or what in ("in", "out")]
    did = f"restored to {build.restored}: " if build.restored is not None else ""
    return f"snapshot {build.snapshot}, {ago(build.at, now=now)} by {build.actor}: {did}{', '.join(said)}"
