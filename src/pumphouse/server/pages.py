"""The pages that people read: what the project has, one asset, what ran, a report, who reads what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from pumphouse.catalog.adoption import adoption
from pumphouse.catalog.description import Column, Description, describe
from pumphouse.declare.asset import Asset
from pumphouse.engines.python_values import python_values
from pumphouse.errors import MissingExtra, Unreachable
from pumphouse.lake.builds import quarantine_of
from pumphouse.lake.state import Access, BuildRecord
from pumphouse.server.access.admitted import Admitted
from pumphouse.server.access.gate import Visitor
from pumphouse.server.drawing import cell
from pumphouse.server.finding import finds
from pumphouse.server.models import model_page
from pumphouse.server.monitoring import performance_pages
from pumphouse.server.reports import REPORT_PAGE
from pumphouse.server.shared import Shared, admitted, reads, shared

SAMPLE_ROWS = 20
FINDS = 30
RUNS = 30
KEPT = 100
"""Of old snapshots; those that keep most bytes."""
FILES = 10
READERS_WITHIN = timedelta(days=30)
STAGES: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "Gathered",
        frozenset({"source", "files", "database", "api", "website", "messages", "survey", "survey_events"}),
    ),
    ("Cleaned", frozenset({"clean"})),
    ("Made", frozenset({"children", "sql", "table"})),
    ("Learned", frozenset({"feature", "label", "model", "rollout", "scores", "online", "experiment"})),
    ("Handed out", frozenset({"report", "search", "deliver"})),
    ("Read where it lies", frozenset({"external"})),
)
"""The way of the water, and what stays where it is. Checks, contracts, bets and grants are facts about others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One asset on the home page."""

    name: str
    kind: str
    doc: str
    rows: int | None
    at: datetime | None
    state: str
    """The class that colours it: fresh, stale, never, or nothing for what is never built."""
    said: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Assets of one kind of work."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A column of cells that are shown."""

    name: str
    is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some rows, ready to be shown: each cell beside its column."""

    snapshot: int
    total: int
    columns: Sequence[Shown]
    rows: Sequence[Sequence[tuple[Shown, str | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How one person read an asset."""

    who: str
    doors: Sequence[str]
    reads: int
    rows: int
    last_at: datetime


def home(request: Request) -> Response:
    """`/`: every asset with what it is, its rows, its last build, and whether it is fresh."""
    here = shared(request)
    find = request.query_params.get("find", "").strip()
    snapshot, finding = here.project.lake.snapshot(), None
    with suppress(MissingExtra):  # then what is listed is looked through
        finding = finds(here, reads(request), find, limit=FINDS, door="page") if find else None
    lines = _lines(here, reads(request), snapshot)
    stages = [
        Stage(title=title, lines=found)
        for title, kinds in STAGES
        if (found := [line for line in lines if line.kind in kinds and _matches(line, find)])
    ]
    figures = [
        ("Assets", f"{len(lines):,}"),
        ("Rows", f"{sum(line.rows or 0 for line in lines):,}"),
        ("Fresh", f"{sum(line.state == 'fresh' for line in lines):,}"),
        ("To build", f"{sum(line.state in ('stale', 'never') for line in lines):,}"),
    ]
    searchable = here.desk.policies.indexes(reads(request), snapshot=snapshot)
    values = {
        "stages": stages,
        "figures": figures,
        "find": find,
        "found": finding,
        "searchable": searchable,
        "snapshot": snapshot,
    }
    return _page(request, "home.html", here="/", **values)


def asset(request: Request) -> Response:
    """`/assets/NAME`: what it means, its rows and columns, where it comes from, how it stands, who reads it."""
    here, name, visitor = shared(request), request.path_params["name"], reads(request)
    project, now, known, policies = here.project, here.drawing.now(), here.known(visitor), here.desk.policies
    is_told = policies.sees_whole(visitor, name) and policies.sees_origin(visitor, name)
    result = project.result(name) if name in known and is_told else ""  # `describe` offers the nearest name
    about = describe(project.lake, known, name, folder=project.folder, now=now, result=result)
    has_rows, is_built = about.rows is not None, bool(about.builds)
    about = _as_known(here, visitor, about, is_told=is_told)
    declared, way = known[name], admitted(request, name, door="page")
    state, said, why = _state(declared, built=is_built, stale=project.stale())
    artefacts = project.lake.artefacts(name)[::-1]
    pages = [one for one in artefacts if one.name == REPORT_PAGE and declared.kind == "report"]
    sample, missing, is_external = None, "", declared.kind == "external"
    if has_rows or is_external:
        try:
            sample, columns = _sample(here, way)
            about = replace(about, columns=columns) if is_external else about
        except Unreachable as error:
            missing = str(error)
    return _page(
        request,
        "asset.html",
        snapshot=project.lake.snapshot(),
        now=now,
        about=about,
        assets=known,
        is_gathered=declared.is_gathered,
        state=state,
        said=said,
        why=why if is_told else "",
        model=model_page(project.lake, project.assets, name) if declared.kind == "model" and is_told else None,
        performances=performance_pages(request, name) if declared.kind in ("model", "rollout") and is_told else [],
        form_address=f"/surveys/{name}" if declared.kind == "survey" else None,
        searches=[
            index
            for index, table in policies.indexes(visitor, snapshot=project.lake.snapshot()).items()
            if name in (index, table)
        ],
        report=pages[0] if pages else None,
        sample=sample,
        sample_rows=SAMPLE_ROWS,
        missing=missing,
        is_external=is_external,
        is_whole=policies.sees_whole(visitor, name),
        is_all=len(known) == len(project.assets),
        quarantine=way.quarantined().to_pylist() if about.quarantined else [],
        files=artefacts[:FILES] if policies.sees_whole(visitor, name) else [],
        readers=_readers(project.lake.state.accesses(asset=name, since=now - READERS_WITHIN))
        if policies.sees_whole(visitor, name)
        else None,
    )


def runs(request: Request) -> Response:
    """`/runs`: the newest runs and what became of each asset in them."""
    here, visitor = shared(request), reads(request)
    state, known = here.project.lake.state, here.known(visitor)
    newest = state.runs(limit=RUNS)
    builds: dict[str, tuple[BuildRecord, ...]] = {one.run: state.run_builds(run=one.run)[::-1] for one in newest}
    is_told = len(known) == len(here.project.assets)
    if not is_told:  # what a run says of itself may name what is not theirs
        builds = {
            run: tuple(replace(one, note="") for one in made if here.desk.policies.sees_whole(visitor, one.asset))
            for run, made in builds.items()
        }
        newest = tuple(replace(one, summary="a run", command="") for one in newest if builds[one.run])
    running = any(one.status == "running" for one in newest)
    return _page(request, "runs.html", here="/runs", runs=newest, builds=builds, running=running, is_told=is_told)


def snapshots(request: Request) -> Response:
    """`/snapshots`: those that are older than the retention and stay: since when, how large, and what for.

    The reasons name tables and assets of all the project, so only who may know of all of it is told.
    """
    here = shared(request)
    is_told = len(here.known(reads(request))) == len(here.project.assets)
    expiry = here.project.expiring() if is_told else None
    kept = sorted(expiry.kept, key=lambda one: (-one.bytes, one.snapshot)) if expiry else []
    values = {"is_told": is_told, "expiry": expiry, "kept": kept[:KEPT], "more": kept[KEPT:]}
    return _page(request, "snapshots.html", here="/runs", **values)


def catalog(request: Request) -> Response:
    """`/catalog`: who reads what, what became of the bets, what nobody reads."""
    here, visitor = shared(request), reads(request)
    whole = {name: one for name, one in here.known(visitor).items() if here.desk.policies.sees_whole(visitor, name)}
    found = adoption(here.project.lake, whole, now=here.drawing.now())
    return _page(request, "catalog.html", here="/catalog", adoption=found, snapshot=found.snapshot, now=found.now)


def static(request: Request) -> Response:
    """`/static/NAME`: a file that pages load; its address has its content's hash, so it may be kept for ever."""
    file = shared(request).drawing.files.file(request.path_params["name"])
    headers = {"Vary": "Accept-Encoding"}
    if request.query_params.get("v") == file.tag:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.zipped, media_type=file.kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.data, media_type=file.kind, headers=headers)


def _page(request: Request, template: str, **values: Any) -> Response:  # what the template names
    return shared(request).drawing.page(template, who=reads(request).who, **values)


def _as_known(here: Shared, visitor: Visitor, about: Description, *, is_told: bool) -> Description:
    """What is said of an asset to somebody: nothing of what is not theirs, and of a part of a table no counts."""
    known, policies, lake = here.known(visitor), here.desk.policies, here.project.lake
    about = replace(
        about,
        upstream=tuple(one for one in about.upstream if one in known),
        downstream=tuple(one for one in about.downstream if one in known),
        behind=tuple(one for one in about.behind if one in known),
        definition=about.definition if is_told else "",
        quarantined=about.quarantined
        if quarantine_of(about.name) in policies.visible(visitor, snapshot=lake.snapshot())
        else None,
    )
    if policies.sees_whole(visitor, about.name):
        return about
    if about.rows is None:
        return replace(about, builds=(), checks=(), key=())
    policy = policies.of(visitor, about.name, snapshot=lake.snapshot())
    masked = _sql_types(here, pa.schema(list(policy.types.items())))
    return replace(
        about, rows=None, builds=(), checks=(), key=policy.key(known.get(about.name)),
        columns=tuple(
            replace(one, type=masked.get(one.name, one.type)) for one in about.columns if one.name in policy.columns
        ),
    )  # fmt: skip


def _lines(here: Shared, visitor: Visitor, snapshot: int) -> list[Line]:
    lake = here.project.lake
    versions, builds, stale = lake.versions(snapshot=snapshot), lake.builds(), here.project.stale()
    shown = frozenset().union(*(kinds for _, kinds in STAGES))
    lines = []
    policies = here.desk.policies
    for name, one in here.known(visitor).items():
        if one.kind not in shown:
            continue
        build = builds.get(name)
        state, said, why = _state(one, built=build is not None, stale=stale)
        doc = one.common.doc.strip()
        lines.append(
            Line(
                name=name,
                kind=one.kind,
                doc=doc.splitlines()[0] if doc else "",
                rows=here.count(name, versions[name], snapshot=snapshot)
                if one.makes_table and name in versions and policies.sees_whole(visitor, name)
                else None,
                at=build.at if build else None,
                state=state,
                said=said,
                why=why if policies.sees_whole(visitor, name) and policies.sees_origin(visitor, name) else "",
            )
        )
    return lines


def _state(one: Asset, *, built: bool, stale: Mapping[str, str]) -> tuple[str, str, str]:
    """How an asset stands: the class that colours it, the word, and the reason where a run would build it."""
    if one.name in stale:
        return ("stale", "stale", stale[one.name]) if built else ("never", "not built", "")
    return ("fresh", "fresh", "") if built else ("", "", "")


def _matches(line: Line, find: str) -> bool:
    return all(word in f"{line.name} {line.kind} {line.doc}".lower() for word in find.lower().split())


def _sample(here: Shared, way: Admitted) -> tuple[Sample, tuple[Column, ...]]:
    """The first rows of a table, and its columns. Raises Unreachable for one that lies elsewhere and is not there."""
    rows = way.rows(limit=SAMPLE_ROWS)
    table = rows.run().read_all()
    types = _sql_types(here, table.schema)
    columns = tuple(Column(name=name, type=kind, hidden=False) for name, kind in types.items())
    return _shown(table, snapshot=rows.snapshot, total=table.num_rows), columns


def _sql_types(here: Shared, schema: pa.Schema) -> dict[str, str]:
    """What SQL calls the types of columns."""
    if not schema.names:
        return {}
    engine = here.project.lake.engine.fork()
    engine.connection.register("columns_shown", schema.empty_table())
    return {row[0]: row[1] for row in engine.execute("DESCRIBE columns_shown")}


def _shown(table: pa.Table, *, snapshot: int, total: int) -> Sample:
    columns = [Shown(name=field.name, is_number=_is_number(field.type)) for field in table.schema]
    cells = ([cell(value) for value in python_values(column)] for column in table.columns)
    rows = [list(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]
    return Sample(snapshot=snapshot, total=total, columns=columns, rows=rows)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _readers(accesses: Iterable[Access]) -> list[Reader]:
    """Who read an asset, last first; a run's own reads are not among them."""
    by_person: dict[str, list[Access]] = {}
    for one in accesses:
        if one.run is None:
            by_person.setdefault(one.who, []).append(one)
    readers = [
        Reader(
            who=who,
            doors=sorted({one.door for one in reads}),
            reads=len(reads),
            rows=sum(one.rows for one in reads),
            last_at=max(one.at for one in reads),
        )
        for who, reads in by_person.items()
    ]
    return sorted(readers, key=lambda reader: reader.last_at, reverse=True)
