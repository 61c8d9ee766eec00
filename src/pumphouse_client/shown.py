"""A table for a notebook."""

from __future__ import annotations

import html
from typing import Any


def as_html(rows: Any, caption: str) -> str:
    """Rows of an Arrow table as HTML, with every cell escaped."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows.column_names)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(column[at])}</td>' for column in rows.columns)}</tr>" for at in range(rows.num_rows)
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(scalar: Any) -> str:
    value = scalar.as_py()
    return html.escape("" if value is None else str(value))
