"""Building a report: its page and its CSV files, from one snapshot, as artefacts of the lake."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pumphouse.declare.asset import Asset
from pumphouse.declare.facts import Report
from pumphouse.engines.engine import Scan
from pumphouse.engines.parameters import bind
from pumphouse.errors import BuildError, Place, PumphouseError
from pumphouse.lake.builds import Artefact, Counts, place_of
from pumphouse.lake.context import Built, Context
from pumphouse.reports import charts
from pumphouse.reports.document import Block, Document, parse
from pumphouse.reports.page import Provenance, Source, page
from pumphouse.reports.results import Result, run

PAGE = "page.html"
"""The artefact with the page; beside it `<block>.csv` for each SQL block."""


def build(asset: Asset, context: Context) -> Built:
    """The page and its CSV files, committed as artefacts with the snapshot that was read.

    The same snapshot and code give the same bytes: what was made before at a snapshot keeps the time at which it was
    first made. Raises BuildError with the line of the report that is wrong.
    """
    report: Report = asset.spec
    file = asset.place.file
    document = parse(report.text, file=file)
    _refuse_names_of_tables(document, context, file)
    before = _made_before(asset, context)
    made_at = datetime.fromisoformat(before[0].detail["made_at"]) if before else context.now
    with tempfile.TemporaryDirectory(prefix="pumphouse-report-") as folder:
        results = _results(document, asset, context, folder=Path(folder))
        drawings = _drawings(document, results, zone=_zone(context), file=file)
        html = page(
            document,
            file=file,
            results=results,
            drawings=drawings,
            provenance=_provenance(asset, context, made_at=made_at),
        )
        files = {PAGE: context.lake.blobs.put(html.encode())}
        for result in results:
            files[result.csv.name] = context.lake.blobs.put_file(result.csv)
    if files.items() <= {(artefact.name, artefact.sha) for artefact in before}:
        return Built(asset=asset.name, snapshot=None, note="the same page as before")
    commit = context.begin(asset)
    detail = {"title": report.title, "fingerprint": context.fingerprint, "made_at": made_at.isoformat()}
    for name, sha in files.items():
        commit.artefact(name, sha, detail, read_at=context.snapshot)
    rows = sum(result.total for result in results)
    counts = Counts(rows_out=rows)
    committed = commit.publish(counts)
    shown = f"{len(drawings)} chart{'s' if len(drawings) != 1 else ''}, {rows:,} row{'s' if rows != 1 else ''}"
    return Built(asset=asset.name, snapshot=committed.snapshot if committed else None, counts=counts, note=shown)


def _results(document: Document, asset: Asset, context: Context, *, folder: Path) -> list[Result]:
    """The results of the SQL blocks in order; a block may read those above it by their names."""
    results: list[Result] = []
    above: dict[str, Scan] = {}
    for block in document.blocks:
        if block.kind != "sql":
            continue
        query = context.query(block.text, *asset.inputs)
        query = replace(query, inputs={**query.inputs, **above})
        result = run(block, query, engine=context.engine, file=asset.place.file, folder=folder)
        results.append(result)
        above[block.name] = Scan(
            table=block.name,
            snapshot=context.snapshot,
            schema=result.rows.schema,
            relation=bind(block.text.strip().rstrip(";"), query.parameters),
        )
        context.progress(sum(result.total for result in results))
    return results


def _drawings(
    document: Document, results: Sequence[Result], *, zone: str, file: str
) -> list[tuple[charts.Chart, charts.Drawing]]:
    by_name = {result.name: result for result in results}
    return [_drawing(block, by_name, zone=zone, file=file) for block in document.blocks if block.kind == "chart"]


def _drawing(block: Block, results: dict[str, Result], *, zone: str, file: str) -> tuple[charts.Chart, charts.Drawing]:
    chart = charts.read(block, file=file, queries=tuple(results))
    place = Place(file=file, line=block.line)
    result = results[chart.data]
    if result.total > charts.ROWS_MAX:
        raise BuildError(
            f"chart '{chart.name}' would draw {result.total:,} rows; {charts.ROWS_MAX:,} is the most that can be seen",
            place=place,
            mend=f"Aggregate in block '{chart.data}'.",
        )
    try:
        return chart, charts.draw(chart, result.rows, zone=zone)
    except PumphouseError as error:
        error.place = error.place or place
        raise


def _provenance(asset: Asset, context: Context, *, made_at: datetime) -> Provenance:
    sources = []
    for name in sorted(asset.inputs):
        _, version = place_of(context.inputs.get(name) or context.lake.version(name, snapshot=context.snapshot))
        times = [build.at for build in context.lake.history(name) if build.snapshot <= version]
        known = context.assets.get(name)
        doc = known.common.doc.strip() if known else ""
        sources.append(Source(name=name, doc=doc, version=version, at=times[-1] if times else None))
    return Provenance(
        report=asset.name,
        title=asset.spec.title or asset.name,
        snapshot=context.snapshot,
        made_at=made_at,
        zone=_zone(context),
        sources=tuple(sources),
        command=f"pumphouse run {asset.name} --only --snapshot {context.snapshot}",
    )


def _made_before(asset: Asset, context: Context) -> list[Artefact]:
    """What this code made of this snapshot earlier."""
    return [
        artefact
        for artefact in context.lake.artefacts(asset.name)
        if artefact.snapshot == context.snapshot and artefact.detail.get("fingerprint") == context.fingerprint
    ]


def _refuse_names_of_tables(document: Document, context: Context, file: str) -> None:
    tables = {name.lower() for name, asset in context.assets.items() if asset.makes_table}
    for block in document.blocks:
        if block.kind == "sql" and block.name.lower() in tables:
            raise BuildError(
                f"block '{block.name}' has the name of a table, so what reads '{block.name}' is not plain",
                place=Place(file=file, line=block.line - 1),
                mend=f"Call it {block.name}_rows, say.",
            )


def _zone(context: Context) -> str:
    return str(context.settings.get("zone", "UTC"))
