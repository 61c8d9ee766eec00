"""The records of a page on their way into the spool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pumphouse.sources.http.walking import Page
from pumphouse.sources.spool import Spool


def take(page: Page, spool: Spool, *, beside: Mapping[str, Any] | None = None) -> None:
    """Give a page's records to the spool, and the lines that are none to its quarantine.

    `beside` are columns that each record gets which has none of that name.
    """
    found, sha = page.found, page.answer.sha
    if found.texts:
        spool.declare(dict.fromkeys(found.texts, "text"))
    rows = [{**beside, **row} for row in found.rows] if beside else found.rows
    spool.add_rows(rows, raw=sha)
    for line, text, reason in found.withheld:
        spool.ledger.row(row_id=f"{sha[:12]}:{line}", original=text, reason=f"line {line:,} {reason}")
