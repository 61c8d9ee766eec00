"""A project as a notebook shows it."""

from __future__ import annotations

import html

from pumphouse.graph.assets import Graph
from pumphouse.lake.lake import Lake
from pumphouse.project.config import Config


def overview(config: Config, lake: Lake, graph: Graph) -> str:
    """A table of the assets as HTML: what each is, and its last build."""
    builds = lake.builds()
    rows = []
    for asset in graph.assets.values():
        last = builds.get(asset.name)
        when = f"{last.at:%Y-%m-%d %H:%M}" if last and last.at else "never"
        count = f"{last.counts.rows_out:,}" if last and asset.makes_table else ""
        first_line = asset.common.doc.strip().splitlines()[0] if asset.common.doc.strip() else ""
        cells = (asset.name, asset.kind, count, when, first_line)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("asset", "kind", "rows", "built", "what it is"))
    caption = f"{html.escape(config.name)}, environment {html.escape(config.env)}"
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
