"""How the rows of a table lie in its files, so that whoever asks for some of them reads little of the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pumphouse.errors import did_you_mean

Unit = Literal["hour", "day", "month", "year"]

_KEYS = ("sort_by", "partition_by", "bloom_filters")
_PARTITION = re.compile(rf"(?:({'|'.join(get_args(Unit))})\((\w+)\)|(\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What rows of one partition have in common: a column's value, or the hour, day, month or year of it."""

    column: str
    unit: Unit | None = None

    def __str__(self) -> str:
        return f"{self.unit}({self.column})" if self.unit else self.column


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """The order of rows in a table's files; without any they lie as they came.

    They are sorted by partition, then by the columns of `sort_by`. No merge brings partitions together. Of
    `bloom_filters` a file says which values a part of it does not have.
    """

    sort_by: tuple[str, ...] = ()
    partition_by: tuple[Partition, ...] = ()
    bloom_filters: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that it names."""
        return (*(one.column for one in self.partition_by), *self.sort_by, *self.bloom_filters)

    @property
    def is_in_order(self) -> bool:
        """Whether rows have an order of their own, other than the one in which they came."""
        return bool(self.sort_by or self.partition_by)


def layout_of(given: Mapping[str, Any] | None) -> TableLayout | None:  # whatever a person wrote
    """The layout that was declared: `{"sort_by": "opened_at", "partition_by": "year(opened_at)"}`.

    Raises ValueError for one that means nothing.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ValueError(f'a layout is {{"sort_by": "<column>"}}, not {given!r}')
    for key in given:
        if key not in _KEYS:
            mend = did_you_mean(str(key), _KEYS) or f"It has {', '.join(_KEYS)}."
            raise ValueError(f"a layout has no '{key}'. {mend}")
    layout = TableLayout(
        sort_by=_names(given.get("sort_by"), "sort_by"),
        partition_by=tuple(map(_partition, _names(given.get("partition_by"), "partition_by"))),
        bloom_filters=_names(given.get("bloom_filters"), "bloom_filters"),
    )
    if not layout.columns:
        raise ValueError(f"a layout without any column says nothing; it has {', '.join(_KEYS)}")
    return layout


def _partition(text: str) -> Partition:
    found = _PARTITION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"partition_by is a column, or hour, day, month or year(<column>), not '{text}'")
    return Partition(column=found[2] or found[3], unit=found[1])  # type: ignore[arg-type]  # the pattern allows only these


def _names(value: Any, key: str) -> tuple[str, ...]:  # whatever a person wrote
    if value is None:
        return ()
    several = (value,) if isinstance(value, str) else value
    if not isinstance(several, list | tuple) or not all(isinstance(name, str) and name.strip() for name in several):
        raise ValueError(f"{key} of a layout is a column or a list of columns, not {value!r}")
    return tuple(several)
