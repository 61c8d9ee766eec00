from __future__ import annotations

import re
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "external.md"


def test_the_guides_declarations_are_what_they_say() -> None:
    declared: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), declared)
    accounts, clicks = declared["accounts"].spec, declared["clicks"].spec
    assert (accounts.connection, accounts.table, accounts.columns) == (
        "crm",
        "public.accounts",
        ("id", "name", "country"),
    )
    assert (clicks.connection, clicks.pattern, clicks.table) == ("warehouse", "s3://warehouse/clicks/*/*.parquet", None)
